"""The named queries."""

import gc
import weakref

from metalearn.store.queries import TABLES, query, schema_versions


class Part(str):
    """A text that can be watched."""


def test_what_is_put_into_a_query_is_not_kept():
    part = Part("rowid BETWEEN 0 AND 122879")
    watched = weakref.ref(part)
    assert part in query("append_evaluations", columns="*", key="task_id", near=part)
    del part
    gc.collect()
    assert watched() is None


def test_the_schema_makes_every_table_and_no_other():
    made = "".join(query(name) for _, name in sorted(schema_versions().items()))
    assert [made.count(f"CREATE TABLE {table} (") for table in TABLES] == [1] * len(TABLES)
    assert made.count("CREATE TABLE") == len(TABLES) + 1  # and `meta`
    assert [*schema_versions()] == [*range(1, len(schema_versions()) + 1)]
