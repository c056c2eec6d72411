"""`backup-webhook`: wiring only."""

import webhook.requirements  # noqa: F401 -- first: says in one line what is missing
from contract.parsing import Parser
from contract.wording import printable

# isort: split
import argparse
import os
import sys
from pathlib import Path

from contract import VERSION
from webhook import config, documents, lint, manifest, tabled
from webhook.documents import Document
from webhook.flags import ConfigError

_LINT_EPILOG = """\
example:
  helm template wiki | backup-webhook lint -f namespace.yaml -f -

  deployment/wiki in wiki: injected
    volumes  data
    schedule H * * * *, UTC
    host     wiki
    Secret   backup-env-configuration
    warning: annotation backup.schedule 'hourly': write five cron fields …; using H * * * *
    note: namespace wiki must have the label backup.enabled=true: kubectl label namespace …

severities:
  error    a pod asks for a backup and gets none
  warning  a value that is not used, or a backup that is not what it seems
  note     what these files cannot tell, or a hint

exit status: 0 no error and no warning, 1 errors or warnings, 2 input that cannot be used

--output json: a list with one object for each pod or pod template:
  kind name namespace reason injected volumes restore schedule timezone secret host
  findings: a list of objects with severity, key (what to change) and message
"""

_COVERAGE_EPILOG = """\
example:
  backup-webhook coverage

  NAMESPACE  WORKLOAD         PODS  REASON
  shop       deployment/cart  2     not_annotated
  wiki       statefulset/db   1     missed

  missed: was made while no webhook answered, or annotated since (that belongs on the pod template):
  create it anew (kubectl rollout restart)
  ...
  12 pods: 9 protected, 3 without a backup; 1 claim that no pod uses

reasons:
  protected       has the sidecar                        outdated   has another version's
  opted_out       backup.enabled is "false"              missed     would get it if made anew
  not_annotated   mounts claims and says nothing; its namespace has opted in
  not_opted_in    asks for a backup; its namespace has not opted in
  any other       what its annotation backup.status says

Pods that have ended or are going are passed over. The first three reasons and claims that no pod
uses (of namespaces that have opted in) are no gaps.

The cluster is that of the pod's account or, outside of one, of kubeconfig's current context
(KUBECONFIG); needed is the right to list namespaces, pods and persistentvolumeclaims.

exit status: 0 every pod that should have a backup has one, 1 some have none, 2 nothing can be said

--output json: an object with
  counts         a list of objects: namespace reason pods
  unused         a list of objects: namespace claims
  findings       a list of objects: namespace kind workload reason pods pod (one of them)
  unused_claims  a list of objects: namespace claim
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status (2 for unusable input)."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except ConfigError as error:
        _say(f"backup-webhook: {error}")
        return 2


def _parser() -> Parser:
    parser = Parser(
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
    _add_lint(commands)
    _add_coverage(commands)
    return parser


def _add_lint(commands: "argparse._SubParsersAction[Parser]") -> None:
    command = commands.add_parser(
        "lint",
        help="say what would be backed up, what not, and why, without a cluster",
        description="Says of each pod and pod template whether it would be backed up, with what "
        "settings, and what is wrong or worth a thought. Give it all files of an app together.",
        epilog=_LINT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "-f", "--filename", action="append", required=True, metavar="FILE",
        help="manifests to read, YAML or JSON; - is standard input; may be repeated",
    )  # fmt: skip
    command.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="default: text"
    )
    config.add_options(command, os.environ)
    command.set_defaults(run=_lint)


def _add_coverage(commands: "argparse._SubParsersAction[Parser]") -> None:
    command = commands.add_parser(
        "coverage",
        help="say which pods of the cluster have no backup, and why",
        description="Looks at all pods and claims of the cluster, and lists the workloads whose "
        "pods should have a backup and have none, with what to do.",
        epilog=_COVERAGE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("-n", "--namespace", default="", metavar="NAME", help="only of this one")
    command.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="default: text"
    )
    command.add_argument(
        "--summary", action="store_true", help="only numbers, by namespace and reason"
    )
    config.add_options(command, os.environ)
    command.set_defaults(run=_coverage)


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
            found = _read(filename)
            _check(found)
        except (documents.UnreadableError, OSError) as error:
            return _unusable(filename, error)
        read += found
    for verdict in manifest.inject(read, options):
        _report(verdict)
    sys.stdout.write(documents.dump(read))
    return 0


def _lint(parsed: argparse.Namespace) -> int:
    options = config.options(parsed)
    read: list[Document] = []
    filename = ""
    try:
        for filename in parsed.filename:
            read += _read(filename)
        _check(read)
    except documents.UnreadableError as error:
        # What YAML cannot read may be a Secret's password.
        return _unusable(filename, documents.UnreadableError(error.line, lint.masked(str(error))))
    except OSError as error:
        return _unusable(filename, error)
    reports = lint.lint(read, options)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    json = parsed.output == "json"
    sys.stdout.write(lint.as_json(reports) if json else lint.as_text(reports, colour=colour))
    return 1 if lint.failed(reports) else 0


def _coverage(parsed: argparse.Namespace) -> int:
    from webhook import survey  # noqa: PLC0415 -- a second that the others can do without

    options = config.options(parsed)
    try:
        report = survey.look(options, parsed.namespace)
    except survey.SurveyError as error:
        _say(f"backup-webhook: {error}")
        return 2
    shown = tabled.as_json if parsed.output == "json" else tabled.as_text
    sys.stdout.write(shown(report, summary=parsed.summary))
    return 1 if report.gaps else 0


def _unusable(filename: str, error: documents.UnreadableError | OSError) -> int:
    shown = "standard input" if filename == "-" else filename
    if isinstance(error, OSError):
        _say(f"{shown}: {error.strerror}")
    else:
        _say(f"{shown}:{error.line}: {error}")
    return 2


def _read(filename: str) -> list[Document]:
    """Return the documents of a file; raise UnreadableError."""
    try:
        text = sys.stdin.read() if filename == "-" else Path(filename).read_text("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise documents.UnreadableError(line, f"not UTF-8 text: {error.reason}") from error
    return documents.load(text)


def _check(read: list[Document]) -> None:
    """Raise UnreadableError where no pod is among the documents."""
    if not any(True for document in read for _ in manifest.workloads(document)):
        raise documents.UnreadableError(1, "no Pod and no workload with a pod template in it")


def _report(verdict: manifest.Verdict) -> None:
    subject = f"{verdict.kind.lower()}/{verdict.name}"
    _say(f"{subject}: {verdict.reason.value}")
    for warning in verdict.warnings:
        _say(f"{subject}: warning: {warning}")


def _say(line: str) -> None:
    """Write one line about a manifest, whose names are anybody's."""
    print(printable(line), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
