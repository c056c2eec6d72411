"""Files count for the folder that they lie in, and for none whose name begins the same."""

from random import Random

from runner.maintenance.verify.sample import Sample


def test_a_file_counts_for_its_innermost_folder() -> None:
    sample = Sample(Random(1))  # noqa: S311 -- the same each time
    paths = ["/backup/data", "/backup/data/inner"]
    sample.hear({"message_type": "snapshot", "id": "4f8a", "paths": paths})
    for path in ("/backup/data/a", "/backup/data/inner/b", "/backup/data2/c", "/backup/dat/d"):
        sample.hear({"message_type": "node", "type": "file", "path": path, "size": 1})

    assert sample.total == "2 files (2 B)"
    assert {each.path for each in sample.chosen(1 << 20).files} == {
        "/backup/data/a", "/backup/data/inner/b",
    }  # fmt: skip
