"""What an answer of the API server means for whoever asked."""

import pytest

from kubectl_backup.cluster import errors
from kubectl_backup.cluster.errors import ClusterError, ConflictError, DeniedError, NotFoundError


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, DeniedError),
        (403, DeniedError),
        (404, NotFoundError),
        (409, ConflictError),
        (429, ConflictError),  # a disruption budget
        (408, ClusterError),
        (500, ClusterError),
        (503, ClusterError),
    ],
)
def test_each_status_code_is_its_kind_of_error(status: int, kind: type[ClusterError]) -> None:
    error = errors.refused("PATCH", "/apis/apps/v1", status, b'{"message": "it said so"}')

    assert type(error) is kind
    assert "it said so" in str(error)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"message": null}'])
def test_an_empty_response_names_its_status_code(body: bytes) -> None:
    assert str(errors.refused("GET", "/version", 500, body)).startswith("GET /version: ")
