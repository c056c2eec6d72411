"""What restic writes, as it really does: JSON, text among it, and words that give a class."""

import json

import pytest

from runner.steps.listener import Listener
from runner.steps.outcome import Failure
from runner.steps.result import Completed, answered
from tests.runner.steps.conversation import SUMMARY

STATUS = '{"message_type":"status","percent_done":0.5,"files_done":7,"bytes_done":900}'


def error(item: str, during: str = "archival") -> str:
    """Return an error line of ``restic backup --json``."""
    inner = {"message": "open: permission denied"}
    line = {"message_type": "error", "error": inner, "during": during, "item": item}
    return json.dumps(line)


def heard(*stderr: str, code: int = 1) -> Completed:
    """Return a command that wrote these lines to standard error."""
    listener = Listener()
    for line in stderr:
        listener.stderr(line, now=0)
    return listener.completed(code, "")


def test_messages_are_kept_by_type_and_the_last_one_counts() -> None:
    """Lists and text are kept apart from them."""
    listener = Listener()
    for line in ('{"message_type":"summary","snapshot_id":"old"}', json.dumps(SUMMARY), "[]", "hi"):
        listener.stdout(line)

    done = listener.completed(0, "")

    assert done.message("summary") == SUMMARY
    assert done.message("initialized") == {}
    assert done.text == "[]\nhi"


def test_status_lines_are_dropped_and_the_progress_kept() -> None:
    """There are hundreds of them."""
    listener = Listener()
    listener.stdout('{"message_type":"status","percent_done":0.1}')
    listener.stdout(STATUS)

    assert listener.progress == json.loads(STATUS)
    assert listener.completed(0, "").messages == ()
    assert listener.completed(0, "").text == ""


@pytest.mark.parametrize(
    "line", ["", "{", '{"message_type":', "[2K", "{}", "null", '{"id":"x"}', '"summary"', "[1,2"]
)
def test_output_that_is_not_json_is_text(line: str) -> None:
    """Nothing on standard output can break a run."""
    listener = Listener()
    listener.stdout(line)

    assert listener.completed(0, "").messages == ()
    assert listener.completed(0, "").text == line


def test_text_among_json_on_standard_error_is_kept_in_order() -> None:
    """Any version mixes them."""
    done = heard(
        "/backup/x does not exist, skipping",
        '{"message_type":"exit_error","code":12,"message":"Fatal: wrong password"}',
        "  ",
        "{broken",
    )

    assert done.tail == ("/backup/x does not exist, skipping", "Fatal: wrong password", "{broken")
    assert done.said == "wrong password"


def test_a_message_of_several_lines_is_several_lines() -> None:
    """restic 0.18 ends some of them with a newline, too."""
    message = json.dumps({"message_type": "exit_error", "message": "Fatal: first\nsecond\n"})

    assert heard(message).tail == ("Fatal: first", "second")


def test_a_json_line_without_message_is_kept_as_it_is() -> None:
    """Better odd than lost."""
    assert heard('{"message_type":"new","reason":"x"}').tail == (
        '{"message_type":"new","reason":"x"}',
    )


def test_an_unreadable_file_counts_once() -> None:
    """restic complains when it scans and again when it reads."""
    done = heard(error("/a", "scan"), error("/b", "scan"), error("/a"), code=3)

    assert done.unreadable == ("/a", "/b")
    assert done.read_errors == 2
    assert done.tail == ()


def test_all_unreadable_files_are_recorded() -> None:
    """A source's root may be the last of them."""
    done = heard(*(error(f"/{number}") for number in range(2000)), code=3)

    assert len(done.unreadable) == 2000
    assert done.read_errors == 2000


def test_the_last_20_lines_are_kept() -> None:
    """Enough to see what went wrong."""
    done = heard(*(f"line {number}" for number in range(100)))

    assert done.tail == tuple(f"line {number}" for number in range(80, 100))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["noise", "Fatal: the reason", "signal received, cleaning up"], "the reason"),
        (["Fatal: Fatal: unable to open"], "unable to open"),
        (["first", "last"], "last"),
        (
            ["Fatal: wrong password or no key found"],
            "wrong password or no key found; check its password in the Secret",
        ),
        (
            ["Fatal: repository does not exist: stat /r"],
            "repository does not exist: stat /r; check its address in the Secret",
        ),
        ([], "exit status 1"),
    ],
)
def test_the_most_specific_line_is_reported(lines: list[str], said: str) -> None:
    """The fatal one, else the last one, else the code."""
    assert heard(*lines).said == said


@pytest.mark.parametrize(
    ("code", "words", "failure"),
    [
        (10, "connection refused", Failure.CONFIG),
        (11, "permission denied", Failure.LOCKED),
        (12, "no space left on device", Failure.AUTH),
        (-9, "connection refused", Failure.MEMORY),
        (1, "write /repo/data: No space left on device", Failure.SPACE),
        (1, "disk quota exceeded", Failure.SPACE),
        (1, "507 Insufficient Storage", Failure.SPACE),
        (1, "fork/exec: cannot allocate memory", Failure.MEMORY),
        (1, "unable to open config file: Access Denied.", Failure.AUTH),
        (1, "The request signature: SignatureDoesNotMatch", Failure.AUTH),
        (1, "unexpected HTTP response (401): 401 Unauthorized", Failure.AUTH),
        (1, "unexpected HTTP response (403): 403 Forbidden", Failure.AUTH),
        (1, "no credentials found. $AWS_ACCESS_KEY_ID is set but empty", Failure.AUTH),
        (1, "The specified bucket does not exist", Failure.CONFIG),
        (1, "unknown flag: --exclud", Failure.CONFIG),
        (1, "Please specify repository location (-r or --repository-file)", Failure.CONFIG),
        (1, "an empty password is not allowed", Failure.CONFIG),
        (1, "all source directories/files do not exist", Failure.SOURCE),
        (1, "all target directories/files do not exist", Failure.SOURCE),
        (1, "dial tcp: lookup s3.example.net: no such host", Failure.NETWORK),
        (1, "Get: net/http: TLS handshake timeout", Failure.NETWORK),
        (1, "x509: certificate signed by unknown authority", Failure.NETWORK),
        (1, "unexpected HTTP response (503): 503 Service Unavailable", Failure.NETWORK),
        (1, "pack 4f8a: hash does not match", Failure.REPOSITORY),
        (1, "", Failure.RESTIC),
        (77, "", Failure.RESTIC),
    ],
)
def test_a_failure_has_its_class(code: int, words: str, failure: Failure) -> None:
    """restic's own codes first, then its words, in any case of letters."""
    tail = (words,) if words else ()

    assert Completed(code, tail=tail).failure == failure
    assert Completed(code, tail=(words.upper(), "exit")).failure == failure


def test_a_killed_command_names_its_signal() -> None:
    assert heard(code=-9).said == "killed by signal 9"
    assert heard(code=3).said == "exit status 3"


def test_a_crash_is_not_lost_among_its_trace() -> None:
    """Go says what it is in the first line, and writes hundreds."""
    done = heard(
        "fatal error: out of memory allocating heap arena map", *(f"line {n}" for n in range(200))
    )

    assert done.failure == Failure.MEMORY
    assert done.said.startswith("fatal error: out of memory")


def test_a_listener_gets_messages_and_lines_of_text() -> None:
    """Nothing is kept then: there may be millions."""
    heard: list[dict[str, object]] = []
    listener = Listener(hear=heard.append)

    listener.stdout("/backup/pages/a file")
    listener.stdout('{"message_type": "node", "path": "/backup"}')

    assert [each["message_type"] for each in heard] == ["text", "node"]
    assert heard[0]["text"] == "/backup/pages/a file"
    done = listener.completed(0, "")
    assert (done.text, done.messages) == ("", ())


@pytest.mark.parametrize(
    ("text", "good"),
    [("[]\n", True), ("null", True), ('[{"id": "a1"}]', True),
     ("", False), ("\n", False), ('[{"id": "a1"}', False), ("{}", False), ("no JSON", False)],
)  # fmt: skip
def test_no_output_is_not_an_empty_list(text: str, good: bool) -> None:
    done = answered(Completed(0, text=text))

    assert (done.code == 0) == good
    assert good or done.said == "restic listed nothing, not even an empty list"


def test_a_failed_list_is_an_error() -> None:
    failed = Completed(1, tail=("Fatal: no",))

    assert answered(failed) is failed
