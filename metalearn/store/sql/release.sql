-- Take the rows of "batch" out of quarantine: the source gives them anew.
DELETE FROM quarantine USING batch
WHERE quarantine.source = batch.source AND quarantine.raw = batch.raw AND quarantine.reason = batch.reason
