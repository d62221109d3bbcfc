SELECT source FROM evaluations
UNION SELECT source FROM tasks
UNION SELECT source FROM datasets
UNION SELECT source FROM ingestions
UNION SELECT source FROM quarantine
UNION SELECT source FROM libraries
UNION SELECT source FROM flows
UNION SELECT source FROM setups
