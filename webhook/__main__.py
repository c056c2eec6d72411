"""`backup-webhook`: wiring only."""

import argparse
import os
import sys
from pathlib import Path

from contract import VERSION
from webhook import config, documents, manifest
from webhook.documents import Document


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status (2 for unusable input)."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except config.ConfigError as error:
        print(f"backup-webhook: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="backup-webhook",
        description='Gives a backup sidecar to pods annotated backup.enabled: "true".',
    )
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="answer admission reviews over HTTPS",
        description="Answers the API server's admission reviews over HTTPS.",
    )
    config.add_server(serve, os.environ)
    config.add_options(serve, os.environ)
    serve.set_defaults(run=_serve)
    inject = commands.add_parser(
        "inject",
        help="print manifests as their pods would be after admission",
        description="Prints manifests as their pods would be after admission, and on standard "
        "error what became of each pod and why. The namespace is taken to have opted in.",
        epilog="example: backup-webhook inject -f wiki.yaml | diff wiki.yaml -",
    )
    inject.add_argument(
        "-f", "--filename", action="append", required=True, metavar="FILE",
        help="manifest to read, YAML or JSON; - is standard input; may be repeated",
    )  # fmt: skip
    config.add_options(inject, os.environ)
    inject.set_defaults(run=_inject)
    return parser


def _serve(parsed: argparse.Namespace) -> int:
    server, options = config.server(parsed), config.options(parsed)
    config.check(server)
    from webhook.serve import serve  # noqa: PLC0415 -- half a second that `inject` can do without

    return serve(server, options)


def _inject(parsed: argparse.Namespace) -> int:
    options = config.options(parsed)
    read: list[Document] = []
    for filename in parsed.filename:
        try:
            read += _read(filename)
        except documents.UnreadableError as error:
            print(f"{_shown(filename)}:{error.line}: {error}", file=sys.stderr)
            return 2
        except OSError as error:
            print(f"{_shown(filename)}: {error.strerror}", file=sys.stderr)
            return 2
    for verdict in manifest.inject(read, options):
        _report(verdict)
    sys.stdout.write(documents.dump(read))
    return 0


def _shown(filename: str) -> str:
    return "standard input" if filename == "-" else filename


def _read(filename: str) -> list[Document]:
    """Return the documents of a file; raise UnreadableError where no pod is among them."""
    try:
        text = sys.stdin.read() if filename == "-" else Path(filename).read_text("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise documents.UnreadableError(line, f"not UTF-8 text: {error.reason}") from error
    found = documents.load(text)
    if not any(True for document in found for _ in manifest.workloads(document)):
        raise documents.UnreadableError(1, "no Pod and no workload with a pod template in it")
    return found


def _report(verdict: manifest.Verdict) -> None:
    subject = f"{verdict.kind.lower()}/{verdict.name}"
    print(f"{subject}: {verdict.reason.value}", file=sys.stderr)
    for warning in verdict.warnings:
        print(f"{subject}: warning: {warning}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
