"""`make bench-webhook`: how fast the webhook answers. A script, not a test: it prints what it saw.

The base line is a bare endpoint of the same server, with the same TLS, that reads the body and
returns a fixed answer of the same size. Both run on loopback and take turns; wrk drives them and
shares the cores with them. Each figure is the median of the runs, with minimum and maximum.
"""

import argparse
import copy
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import orjson

from demo import app, server
from demo.ports import free_port
from demo.server import Webhook
from tests.integration.webhook import floods
from webhook.admission.admit import admit
from webhook.admission.model import Options
from webhook.server import review

_CONNECTIONS = (1, 8, 32)
_MANY = 100_000  # requests, after which memory is read
_ASKED = 100  # answers in the middle of a flood
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-webhook", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--floods", action="store_true", help="only what strangers do to others")
    quick, only_floods = vars(parser.parse_args()).values()
    body = _review(app.pod())
    _flooded(body, runs=3 if quick else 7)
    if only_floods:
        return
    _own_work(body)
    if shutil.which("wrk") is None:
        print("wrk is not installed: apt-get install wrk", file=sys.stderr)
        sys.exit(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.monotonic()
        with server.running(_made(folder / "ours")) as ours:
            _say("ready after", f"{time.monotonic() - began:.2f} s", "1.5 s")
            answer = ours.client.post("/mutate", content=body, headers=_TYPE).content
            with _bare(folder, len(answer)) as bare:
                _speed(ours, bare, body, folder, runs=2 if quick else 7, seconds=2 if quick else 4)
            _memory(ours, body, folder, _MANY // 10 if quick else _MANY)


_TYPE = {"Content-Type": "application/json"}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _review(pod: dict[str, object]) -> bytes:
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "7d0dbc24-6d1c-4b56-9a24-6f3d4f3c9f0e",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "operation": "CREATE",
            "namespace": "prod",
            "object": pod,
        },
    }
    return orjson.dumps(review)


def _own_work(body: bytes) -> None:
    pod = app.pod()
    large = copy.deepcopy(pod)
    variables = [{"name": f"V{number}", "value": f"value {number}"} for number in range(2000)]
    large["spec"]["containers"][0]["env"] = variables
    _say("own work for an ordinary pod", f"{_spread(_timed(body))} us", "80 us")
    _say("own work with 2,000 variables", f"{_spread(_timed(_review(large)))} us", "4,000 us")


def _timed(body: bytes) -> list[float]:
    options = Options(image="registry.example.net/backup-sidecar@sha256:0123abcd")

    def work() -> None:
        asked = review.parse(body)
        assert asked.object is not None
        made = admit(asked.object, asked.namespace, options)
        review.allow(asked, list(made.operations), made.warnings, made.reason.value)

    return [seconds / 500 * 1e6 for seconds in timeit.repeat(work, number=500, repeat=9)]


_BARE = """
import sys, uvicorn
from fastapi import FastAPI, Request, Response
app = FastAPI(openapi_url=None)
answer = b"x" * int(sys.argv[1])

@app.post("/mutate")
async def mutate(request: Request) -> Response:
    await request.body()
    return Response(answer, media_type="application/json")

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), ssl_certfile=sys.argv[3],
            ssl_keyfile=sys.argv[4], timeout_keep_alive=120, log_level="warning", lifespan="off")
"""


@contextmanager
def _bare(folder: Path, size: int) -> Iterator[int]:
    """Serve the base line until the end of the block; give its port."""
    port = free_port()
    files = [folder / "ours" / "tls.crt", folder / "ours" / "tls.key"]
    command = [sys.executable, "-c", _BARE, str(size), str(port), *map(str, files)]
    with subprocess.Popen(command) as process:
        try:
            time.sleep(2.0)  # a script may: it reports no readiness
            yield port
        finally:
            process.terminate()


def _speed(ours: Webhook, bare: int, body: bytes, folder: Path, *, runs: int, seconds: int) -> None:
    script = folder / "post.lua"
    script.write_text(
        'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
        f"wrk.body = [==[{body.decode()}]==]\n"
    )
    for connections in _CONNECTIONS:
        seen: dict[str, list[tuple[float, float, float]]] = {"ours": [], "bare": []}
        for _ in range(runs):
            for name, port in (("ours", ours.port), ("bare", bare)):
                seen[name].append(_wrk(port, connections, seconds, script))
        rates = {name: [run[0] for run in found] for name, found in seen.items()}
        ratio = statistics.median(rates["ours"]) / statistics.median(rates["bare"])
        label = f"{connections} connections"
        _say(f"{label}, requests a second", _spread(rates["ours"]))
        _say(f"{label}, bare endpoint", _spread(rates["bare"]))
        _say(f"{label}, ratio", f"{ratio:.2f}", "0.75")
        _say(f"{label}, p50", f"{_spread([run[1] for run in seen['ours']])} ms")
        aim = "5 ms" if connections == 8 else ""
        _say(f"{label}, p99", f"{_spread([run[2] for run in seen['ours']])} ms", aim)


def _wrk(port: int, connections: int, seconds: int, script: Path) -> tuple[float, float, float]:
    """Return requests a second, and the median and 99th percentile of latency in ms."""
    text = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script),
         f"https://127.0.0.1:{port}/mutate?timeout=5s"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    if "Non-2xx" in text:
        raise RuntimeError(text)
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", text)
    assert rate is not None
    return float(rate[1]), _percentile(text, "50%"), _percentile(text, "99%")


def _percentile(text: str, which: str) -> float:
    found = re.search(rf"{which}\s+([0-9.]+)(us|ms|s)", text)
    assert found is not None
    return float(found[1]) * _UNITS[found[2]]


def _flooded(body: bytes, runs: int) -> None:
    """Say how long others wait in the middle of each flood, and what it takes of memory."""
    load = os.getloadavg()[0]
    _say("load of the machine", f"{load:.1f}")
    for flood in (None, *floods.ALL):
        waits, memory = [], 0.0
        for _ in range(runs):
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                ours = stack.enter_context(server.running(folder))
                if flood:
                    stack.enter_context(floods.going_on(flood, ours.port))
                waits.append(_waits(ours, body))
                memory = max(memory, _rss(ours, "VmHWM"))
        label = floods.name(flood) if flood else "no flood"
        medians, worst = zip(*waits, strict=True)
        aim = "50 ms" if flood else ""
        _say(f"{label}, median answer", f"{_spread([ms * 1e3 for ms in medians])} ms", aim)
        _say(f"{label}, slowest of {_ASKED}", f"{_spread([ms * 1e3 for ms in worst])} ms")
        _say(f"{label}, most memory", f"{memory:.0f} MiB", "160 MiB")


def _waits(ours: Webhook, body: bytes) -> tuple[float, float]:
    """Return the median and the longest time of an answer, in seconds, by a kept connection."""
    seen = []
    for _ in range(_ASKED):
        began = time.perf_counter()
        ours.client.post("/mutate", content=body, headers=_TYPE).raise_for_status()
        seen.append(time.perf_counter() - began)
    return statistics.median(seen), max(seen)


def _memory(ours: Webhook, body: bytes, folder: Path, many: int) -> None:
    del body
    before = _answered(ours)
    for part in ("half of", "all"):
        wanted = before + (many // 2 if part == "half of" else many)
        while _answered(ours) < wanted:
            _wrk(ours.port, 8, 2, folder / "post.lua")
        _say(f"memory after {part} {many:,} requests", f"{_rss(ours):.1f} MiB", "90 MiB, flat")


def _answered(ours: Webhook) -> float:
    text = ours.metrics()
    found = re.search(r"backup_webhook_duration_seconds_count ([0-9.e+]+)", text)
    assert found is not None
    return float(found[1])


def _rss(ours: Webhook, line: str = "VmRSS") -> float:
    status = Path(f"/proc/{ours.pid}/status").read_text()
    return next(int(ln.split()[1]) for ln in status.splitlines() if ln.startswith(line)) / 1024


def _spread(values: list[float]) -> str:
    median, low, high = statistics.median(values), min(values), max(values)
    places = 2 if median < 100 else 0
    return f"{median:,.{places}f} ({low:,.{places}f} to {high:,.{places}f})"


def _say(what: str, seen: str, aim: str = "") -> None:
    print(f"{what:<44}{seen}{f'   [aim: {aim}]' if aim else ''}", flush=True)


if __name__ == "__main__":
    main()
