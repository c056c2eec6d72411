"""Findings about a pod's Secret.

No value of a Secret is ever in a finding.
"""

from collections.abc import Iterator, Mapping

from contract import names
from contract.annotations import commands, excludes, settings
from contract.annotations.settings import Problem, Settings
from contract.secret import allowlist, passwords, plaintext, required_keys
from webhook.admission import pod_spec
from webhook.lint import findings
from webhook.lint.findings import Finding, Severity, Subject
from webhook.manifests import objects as manifests_objects
from webhook.manifests.documents import Document
from webhook.manifests.objects import Objects

_LIVE = tuple(setting for setting in settings.ALL if setting.live)


def advise(subject: Subject, objects: Objects) -> Iterator[Finding]:
    """Yield every problem and hint about this pod's Secret."""
    name = subject.plan.settings[settings.SECRET]
    needed = required_keys.groups(subject.plan.settings[settings.ENGINE])
    if subject.secret is None:
        if not any(name in _makes(item) for item in objects.of("Secret")):
            yield Finding(
                Severity.NOTE, settings.SECRET.annotation,
                f"Secret {name} is not in these files; without it in the pod's namespace, with "
                f"{' and '.join(main for main, *_ in needed)}, there is no backup",
            )  # fmt: skip
        return
    contents = manifests_objects.contents(subject.secret)
    given, refused = contents.variables, contents.refused
    for key, reason in refused.items():
        yield Finding(Severity.WARNING, key, f"Secret {name}: {key} {reason}")
    for main, *others in needed:
        if not any(given.get(key, "").strip() or key in refused for key in (main, *others)):
            instead = f" (nor {', '.join(others)})" if others else ""
            yield Finding(
                Severity.ERROR, main,
                f"Secret {name} has no {main}{instead}, and without it there is no backup; add it",
            )  # fmt: skip
    yield from _passwords(name, given)
    yield from _variables(subject, name, given)
    for number, why in _without_effect(subject, given):
        key = settings.EXCLUDE.variable or ""
        line = f"Secret {name}: {key}, line {number} (not shown), {why}"
        yield Finding(Severity.WARNING, key, line)
    for what, key in deciding(subject).items():
        line = f"Secret {name}: {key} decides the {what}; its value is not shown"
        yield Finding(Severity.NOTE, key, line)


def _variables(subject: Subject, name: str, given: Mapping[str, str]) -> Iterator[Finding]:
    """Yield findings about single values: sent without TLS, invalid, or passed to no program."""
    for key, what in plaintext.sent(given, commands.in_secret(given)):
        line = f"Secret {name}: {key} sends {what} {plaintext.WHY}"
        yield Finding(Severity.WARNING, key, line)
    for problem in _unusable(subject):
        line = f"the value (not shown) is invalid; using {problem.used}; correct or remove it"
        yield Finding(Severity.WARNING, problem.key, f"Secret {name}: {problem.key}: {line}")
    for problem in allowlist.problems(given):
        line = f"Secret {name}: {problem.key}: {problem.reason}"
        yield Finding(Severity.WARNING, problem.key, line)


def _without_effect(subject: Subject, given: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield the position of each doubtful exclude pattern of the Secret, and why."""
    key = settings.EXCLUDE
    bad = key.variable in {problem.key for problem in _unusable(subject)}
    own = findings.has(pod_spec.annotations(subject.pod), key)
    if own or bad or subject.plan.settings[settings.ENGINE] != "restic":
        return
    patterns = key.parse(given.get(key.variable or "", ""))
    for pattern, why in excludes.doubts(patterns, names.VOLUMES_DIR):
        yield patterns.index(pattern) + 1, why


def _passwords(name: str, given: Mapping[str, str]) -> Iterator[Finding]:
    """Yield invisible characters around passwords."""
    for key in passwords.KEYS:
        if passwords.ends_with_newline(given.get(key, "")):
            line = f"{passwords.NEWLINE}; the sidecar removes it, other tools may not"
            line = f"Secret {name}: {key} {line}; {passwords.REMEDY}"
            yield Finding(Severity.WARNING, key, line)
        used = passwords.without_newline(given.get(key, ""))
        if used.strip() and (what := passwords.odd(used)):
            line = f"Secret {name}: {key} {what}, which is part of the password; is that intended?"
            yield Finding(Severity.WARNING, key, line)


def _makes(item: Document) -> tuple[object, ...]:
    """Return the names of Secrets that an ExternalSecret, SealedSecret or the like creates."""
    if item["kind"] == "Secret":
        return ()
    target = pod_spec.spec(item).get("target") or {}
    return (pod_spec.metadata(item).get("name"), target.get("name"))


def deciding(subject: Subject) -> Mapping[str, str]:
    """Return what the Secret decides, not annotations or defaults, and by which variable."""
    if subject.secret is None:
        return {}
    given = manifests_objects.contents(subject.secret).variables
    plan = subject.plan
    bad = {problem.key for problem in (*plan.settings.problems, *_unusable(subject))}
    annotations = pod_spec.annotations(subject.pod)
    candidates = {
        setting.key: setting.variable or ""
        for setting in (settings.SCHEDULE, settings.TIMEZONE)
        if not findings.has(annotations, setting) or setting.annotation in bad
    }
    if not plan.settings.get(settings.NAME):
        candidates["host"] = "RESTIC_HOSTNAME"
    if plan.sources is None:
        mirrors = plan.settings[settings.ENGINE] == "rclone"
        candidates["volumes"] = "BUP_SRC" if mirrors else "RESTIC_SOURCE"
    return {
        what: key
        for what, key in candidates.items()
        if given.get(key, "").strip() and key not in bad
    }


def effective(subject: Subject) -> Settings:
    """Return the settings that the runner reads anew at each look, from the Secret too."""
    given = manifests_objects.contents(subject.secret).variables if subject.secret else {}
    annotations = pod_spec.annotations(subject.pod)
    return settings.resolve(annotations, given, subject.defaults, _LIVE)


def _unusable(subject: Subject) -> list[Problem]:
    problems = effective(subject).problems
    return [problem for problem in problems if problem.where == "Secret variable"]
