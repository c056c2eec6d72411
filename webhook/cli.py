"""The command line of `backup-webhook`: parses, calls one function, prints."""

import argparse
import io
import os
import sys
from pathlib import Path

from contract import VERSION
from contract.command_line.parsing import Parser
from contract.text import printable
from webhook.config import model
from webhook.config.flags import ConfigError
from webhook.coverage import render
from webhook.coverage.preview import Preview
from webhook.lint import report as lint_report
from webhook.lint import rules
from webhook.lint.output import exchange
from webhook.lint.output import render as lint_render
from webhook.lint.places import Places
from webhook.manifests import documents, workloads
from webhook.manifests import inject as manifests_inject
from webhook.manifests.documents import Document, File


def run(arguments: list[str] | None) -> int:
    """Run one command; return its exit status (2 for unusable input)."""
    parsed = _parser().parse_args(arguments)
    if "file" in parsed:
        parsed.filename = [*parsed.filename, *parsed.file]
        if not parsed.filename:
            parsed.refuse("name a file with -f/--filename, or - for standard input")
    try:
        return int(parsed.run(parsed))
    except ConfigError as error:
        _say(f"backup-webhook: {error}")
        return 2


def _parser() -> Parser:
    parser = Parser(
        prog="backup-webhook",
        description='Injects a backup sidecar into pods annotated backup.enabled: "true".',
    )
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="answer admission reviews over HTTPS",
        description="Answers the API server's admission reviews over HTTPS.",
    )
    model.add_server(serve, os.environ)
    model.add_options(serve, os.environ)
    serve.set_defaults(run=_serve)
    inject = commands.add_parser(
        "inject",
        help="print manifests with their pods as after admission",
        description="Prints manifests with their pods as after admission; standard error shows "
        "the result and reason for each pod. Assumes that the namespace has opted in.",
        epilog="example: backup-webhook inject -f wiki.yaml | diff wiki.yaml -",
    )
    _add_files(inject)
    model.add_options(inject, os.environ)
    inject.set_defaults(run=_inject)
    _add_lint(commands)
    _add_coverage(commands)
    return parser


def _add_lint(commands: "argparse._SubParsersAction[Parser]") -> None:
    command = commands.add_parser(
        "lint",
        help="report what would be backed up, what not, and why, without a cluster",
        description="Reports for each pod and pod template whether it would be backed up, with "
        "which settings, and what is wrong or questionable. Pass all files of an app together.",
        epilog=lint_render.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_files(command)
    _add_output(command, "github", "sarif")
    command.add_argument(
        "--allow-no-pods", action="store_true", help="files without a pod are no error"
    )
    command.add_argument(
        "--ignore", type=rules.parse, default=frozenset(), metavar="RULES",
        help="rules whose findings are left out, such as BW016,BW017",
    )  # fmt: skip
    model.add_options(command, os.environ)
    command.set_defaults(run=_lint)


def _add_coverage(commands: "argparse._SubParsersAction[Parser]") -> None:
    command = commands.add_parser(
        "coverage",
        help="list pods of the cluster that have no backup, and why",
        description="Reads all pods and claims of the cluster and lists the workloads whose pods "
        "should have a backup but have none, with the next step.",
        epilog=render.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "-n", "--namespace", default="", metavar="NAME", help="only this namespace"
    )
    _add_output(command)
    command.add_argument(
        "--summary", action="store_true", help="only counts by namespace and reason"
    )
    command.add_argument(
        "--if-enabled", nargs="?", const="", metavar="NAMESPACE",
        help="show what pods would get at their next start if this namespace asked for backups",
    )  # fmt: skip
    command.add_argument("--all", action="store_true", help="with --if-enabled: all namespaces")
    model.add_options(command, os.environ)
    command.set_defaults(run=_coverage, refuse=command.error)


def _add_files(command: Parser) -> None:
    command.add_argument(
        "-f", "--filename", action="append", default=[], metavar="FILE",
        help="manifests to read, YAML or JSON; - is standard input; can be repeated",
    )  # fmt: skip
    command.add_argument("file", nargs="*", metavar="FILE", help="as --filename")
    command.set_defaults(refuse=command.error)


def _add_output(command: Parser, *more: str) -> None:
    command.add_argument(
        "-o", "--output", choices=("text", "json", *more), default="text", help="default: text"
    )


def _serve(parsed: argparse.Namespace) -> int:
    server, options = model.server(parsed), model.options(parsed)
    model.check(server)
    from webhook.server.process import serve  # noqa: PLC0415 -- half a second that `inject` can do without

    return serve(server, options)


def _inject(parsed: argparse.Namespace) -> int:
    options = model.options(parsed)
    files: list[File] = []
    for filename in parsed.filename:
        try:
            files.append(_read(filename))
            _check(files[-1].documents)
        except (documents.UnreadableError, OSError) as error:
            return _unusable(filename, error)
    read = [document for file in files for document in file.documents]
    for verdict in manifests_inject.inject(read, options):
        _report(verdict)
    sys.stdout.write(documents.joined(files))
    return 0


def _lint(parsed: argparse.Namespace) -> int:
    options = model.options(parsed)
    files: list[tuple[str, File]] = []
    filename = ""
    try:
        for filename in parsed.filename:
            files.append((filename, _read(filename)))
        read = [document for _, file in files for document in file.documents]
        if not parsed.allow_no_pods:
            _check(read)
    except documents.UnreadableError as error:
        # What YAML cannot read may be a Secret's password.
        return _unusable(
            filename, documents.UnreadableError(error.line, lint_render.masked(str(error)))
        )
    except OSError as error:
        return _unusable(filename, error)
    reports = lint_report.lint(read, options, places=Places(files), ignored=parsed.ignore)
    sys.stdout.write(_SHOWN[parsed.output](reports))
    return 1 if lint_report.failed(reports) else 0


def _as_text(reports: list[lint_report.Report]) -> str:
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return lint_render.as_text(reports, colour=colour)


_SHOWN = {"text": _as_text, "json": lint_render.as_json, "github": exchange.as_github,
          "sarif": exchange.as_sarif}  # fmt: skip


def _coverage(parsed: argparse.Namespace) -> int:
    from webhook.coverage import scan  # noqa: PLC0415 -- a second that the others can do without

    options = model.options(parsed)
    if parsed.all and parsed.if_enabled is None:
        parsed.refuse("--all needs --if-enabled")
    try:
        if parsed.if_enabled is not None:
            return _preview(scan.preview(options, _previewed(parsed)), parsed.output)
        report = scan.look(options, parsed.namespace)
    except scan.SurveyError as error:
        _say(f"backup-webhook: {error}")
        return 2
    shown = render.as_json if parsed.output == "json" else render.as_text
    sys.stdout.write(shown(report, summary=parsed.summary))
    return 1 if report.gaps else 0


def _previewed(parsed: argparse.Namespace) -> str:
    """Return the one namespace to look at, "" for all."""
    named = {parsed.if_enabled, parsed.namespace} - {""}
    if len(named) > 1 or bool(named) == parsed.all:
        parsed.refuse("write --if-enabled NAMESPACE, or --if-enabled --all")
    return str(named.pop()) if named else ""


def _preview(preview: Preview, output: str) -> int:
    shown = render.preview_as_json if output == "json" else render.preview_as_text
    sys.stdout.write(shown(preview))
    return 0


def _unusable(filename: str, error: documents.UnreadableError | OSError) -> int:
    shown = "standard input" if filename == "-" else filename
    if isinstance(error, OSError):
        _say(f"{shown}: {error.strerror}")
    else:
        _say(f"{shown}:{error.line}: {error}")
    return 2


def _read(filename: str) -> File:
    """Return the manifests of a file, with its line breaks; raise UnreadableError."""
    try:
        if filename != "-":
            text = Path(filename).read_bytes().decode("utf-8")
        else:
            if isinstance(sys.stdin, io.TextIOWrapper):
                sys.stdin.reconfigure(newline="")
            text = sys.stdin.read()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise documents.UnreadableError(line, f"not UTF-8 text: {error.reason}") from error
    return File(text)


def _check(read: list[Document]) -> None:
    """Raise UnreadableError where no pod is among the documents."""
    if not any(map(workloads.has_any, read)):
        raise documents.UnreadableError(
            1, "contains no Pod and no workload with a pod template; render charts and overlays "
            "first (helm template, kubectl kustomize)"
        )  # fmt: skip


def _report(verdict: manifests_inject.Verdict) -> None:
    place = f" ({verdict.place})" if verdict.place else ""
    subject = f"{verdict.kind.lower()}/{verdict.name}{place}"
    _say(f"{subject}: {verdict.reason}")
    for warning in verdict.warnings:
        _say(f"{subject}: warning: {warning}")


def _say(line: str) -> None:
    """Write one line about a manifest, whose names are untrusted."""
    print(printable(line), file=sys.stderr)
