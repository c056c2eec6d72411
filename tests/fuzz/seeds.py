"""What fuzzing begins with: inputs that other tests have, as the targets read them."""

import itertools
import json
from pathlib import Path

from tests.kubectl_backup.restore.archive.blocks import END
from tests.kubectl_backup.restore.archive.test_hostile_archives import MADE, REFUSED
from tests.webhook.admission.corpus.corpus import PODS

_PIECES = 6  # of an archive that does not end
_LONGEST = 6144  # bytes


def write(target: str, folder: Path) -> None:
    """Write the inputs of a target into a folder, each as a file."""
    for number, content in enumerate(_MADE[target]()):
        (folder / f"seed-{number}").write_bytes(content)


def _reviews() -> list[bytes]:
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    requests = (
        {"uid": "7d", "operation": "CREATE", "namespace": "prod", "kind": kind, "object": pod}
        for pod in PODS.values()
    )
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
    return [json.dumps({**review, "request": each}, default=str).encode() for each in requests]


def _archives() -> list[bytes]:
    made = [content + END for content, _ in MADE.values()]
    refused = (b"".join(itertools.islice(begun(), _PIECES)) for begun, _ in REFUSED.values())
    return [*made, *(content[:_LONGEST] for content in refused)]


def _documents() -> list[bytes]:
    return [text.encode() for text in DOCUMENTS]


DOCUMENTS = (
    r"""apiVersion: v1
kind: Pod
metadata:
  name: "wiki"
  annotations: {backup.enabled: "true"}
spec:
  containers:
  - name: app
    image: x:1
    args: [a, 'b', 0x1F, 1e3, 0o17, ~, yes, 2026-01-01, =]
    volumeMounts:
    - {name: data, mountPath: /data}
  volumes:
  - name: data
    persistentVolumeClaim:
      claimName: data
""",
    r"""{"apiVersion": "v1", "kind": "List", "items": [{"kind": "Pod", "n": 1.5e3, "t": [true]}]}
""",
    r"""kind: X
a: &a [1, 2]
b: &b {x: *a, y: *a}
c:
  <<: *b
  z: *a
d: {<<: [*b, {q: 1}]}
""",
    r"""%YAML 1.1
---
kind: X
a: |
  one
   two
b: >-
  three
  four

  five
c: "\x41\u00fc\U0001F600\n\
  more"
...
---
kind: Y
""",
    r"""kind: !!str X
a: !!int "1"
b: !!float "1.5"
c: !!bool "true"
d: !!null ""
e: !!timestamp "2026-01-01"
f: !!binary aGk=
""",
    r"""kind: X
a: !!set {p, q}
b: !!omap [x: 1]
c: !!pairs [x: 1, x: 2]
? [complex]
: !!map {y: 1}
""",
    r"""kind: X
? |
  key
: - - a
  - ? b
# comment
"c" : !<tag:yaml.org,2002:str> 1_000
d: 190:20:30
e: .inf
""",
)

_MADE = {"reviews": _reviews, "documents": _documents, "archives": _archives}
