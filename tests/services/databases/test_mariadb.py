"""What the tests' MariaDB promises to them."""

from pathlib import Path

from tests.services.databases import mariadb


def test_it_runs_in_a_folder_whose_path_is_longer_than_a_sockets_may_be(tmp_path: Path) -> None:
    """As below pytest's folders in a long TMPDIR, or under xdist."""
    folder = tmp_path / ("deep" * 15) / ("deeper" * 10)
    folder.parent.mkdir()

    with mariadb.serve(folder) as server:
        socket = server.ask("SELECT @@socket")

        assert len(str(folder / "socket")) > 107
        assert Path(socket).is_socket()
    assert not Path(socket).parent.exists()
