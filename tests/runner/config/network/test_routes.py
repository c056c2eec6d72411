"""Which requests go through a proxy: the rules of restic and rclone, who read the same variables.

The rows of the first table were asked of rclone: for each, a proxy saw a request, or did not.
"""

import pytest

from runner.config.network import routes
from runner.config.network.routes import Authorities, Network
from tests.runner.config.workload import configured

PROXY = "http://proxy.example.com:3128"


def read(**variables: str) -> Network:
    """Return the network of variables that are right."""
    problems: list[object] = []
    found = routes.read(variables, Authorities(), problems)  # type: ignore[arg-type] # all kinds
    assert problems == []
    return found


@pytest.mark.parametrize(
    ("direct", "host", "proxied"),
    [
        ("", "example.com", True),
        ("example.com", "example.com", False),
        ("example.com", "a.example.com", False),
        ("example.com", "badexample.com", True),
        ("com", "example.com", False),
        (".example.com", "example.com", True),
        (".example.com", "a.example.com", False),
        ("*.example.com", "a.example.com", False),
        ("*.example.com", "example.com", True),
        ("*example.com", "xexample.com", True),
        ("..example.com", "a.example.com", True),
        ("EXAMPLE.com", "example.COM", False),
        (" x.com , example.com ", "example.com", False),
        ("x.com example.com", "example.com", True),
        (",,", "example.com", True),
        ("example.com.", "example.com", True),
        ("example.com", "example.com.", True),
        ("http://example.com", "example.com", True),
        ("example.com/", "example.com", True),
        ("*", "example.com", False),
        ("x.com,*", "example.com", False),
        ("*.", "example.com", True),
        ("example.com:80", "example.com", False),
        ("example.com:8080", "example.com", True),
        ("example.com:8080", "example.com:8080", False),
        (".example.com:8080", "a.example.com:8080", False),
        (":80", "example.com", True),
        ("bücher.example", "bücher.example", False),
        ("xn--bcher-kva.example", "bücher.example", False),
        ("10.0.0.0/8", "10.1.2.3", False),
        ("10.1.2.3/8", "10.9.9.9", False),
        ("10.0.0.0/8", "11.1.2.3", True),
        ("10.0.0.0/8", "[::ffff:10.1.2.3]", False),
        ("10.0.0.0/33", "10.0.0.1", True),
        ("10.1.2.3", "10.1.2.3", False),
        ("10.1.2.3:80", "10.1.2.3", False),
        ("10.1.2.3:81", "10.1.2.3", True),
        ("10.0.0.0/8", "example.com", True),
        ("fd00::/8", "[fd00::1]", False),
        ("fd00::1", "[fd00::1]", False),
        ("[fd00::1]:80", "[fd00::1]", False),
        ("[fd00::1]:81", "[fd00::1]", True),
        ("[fd00::1]", "[fd00::1]", True),
        ("", "localhost:9", False),
        ("", "127.0.0.2:9", False),
        ("", "[::1]:9", False),
        ("", "a.localhost:9", True),
    ],
)
def test_hosts_in_no_proxy_are_reached_directly(direct: str, host: str, proxied: bool) -> None:
    made = read(HTTP_PROXY=PROXY, NO_PROXY=direct)

    assert made.proxy(f"http://{host}/path") == (PROXY if proxied else "")


@pytest.mark.parametrize(
    ("variables", "plain", "tls"),
    [
        ({}, "", ""),
        ({"HTTP_PROXY": "http://a"}, "http://a", ""),
        ({"HTTPS_PROXY": "http://a"}, "", "http://a"),
        ({"http_proxy": "http://a"}, "http://a", ""),
        ({"https_proxy": "http://a", "HTTPS_PROXY": " \n"}, "", "http://a"),
        ({"HTTP_PROXY": "http://a", "http_proxy": "http://b"}, "http://a", ""),
        ({"ALL_PROXY": "http://a"}, "http://a", "http://a"),
        ({"all_proxy": "http://a", "HTTP_PROXY": "http://b"}, "http://b", "http://a"),
        ({"HTTPS_PROXY": "a.example.com:3128\n"}, "", "http://a.example.com:3128"),
        ({"HTTPS_PROXY": "http://u:p%40@a:1/"}, "", "http://u:p%40@a:1/"),
        ({"HTTPS_PROXY": "http://[fd00::1]:1"}, "", "http://[fd00::1]:1"),
        ({"HTTPS_PROXY": "http://a", "no_proxy": "x.com"}, "", ""),
        ({"HTTPS_PROXY": "http://a", "no_proxy": "x.com", "NO_PROXY": "y.com"}, "", "http://a"),
        ({"FTP_PROXY": "http://a", "Https_Proxy": "http://b"}, "", ""),
    ],
)
def test_each_spelling_of_the_variables_counts(
    variables: dict[str, str], plain: str, tls: str
) -> None:
    made = read(**variables)

    assert (made.proxy("http://x.com/"), made.proxy("https://x.com/")) == (plain, tls)


@pytest.mark.parametrize("value", ["http://", "http://a b", "http://a:b", "::", "http://a:99999"])
@pytest.mark.parametrize("key", ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_an_invalid_proxy_is_named_once(key: str, value: str) -> None:
    """And restic gets it as it is, to say so too."""
    config = configured({}, {key: value})

    (problem,) = config.problems
    assert str(problem).startswith(f"Secret variable {key}: is not a proxy address such as ")
    assert "no proxy for messages and metrics" in str(problem)
    assert config.network.proxy("https://x.com/") == ""
    assert config.repository.environment[key] == value


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "https"])
def test_a_proxy_that_only_restic_uses_is_named(scheme: str) -> None:
    config = configured({}, {"HTTPS_PROXY": f"{scheme}://user:pw-of-proxy@a:1"})

    (problem,) = config.problems
    assert f"HTTPS_PROXY: {scheme}:// proxies are for restic and rclone only" in str(problem)
    assert "pw-of-proxy" not in str(problem)


def test_the_containers_environment_is_ignored_beside_a_secret() -> None:
    config = configured({"HTTPS_PROXY": "http://leak", "ALL_PROXY": "http://leak"}, {})

    assert config.network.proxy("https://x.com/") == ""
    assert "HTTPS_PROXY" not in config.repository.environment


def test_restic_gets_the_equivalent_of_variables_it_does_not_read() -> None:
    """To Go's libraries ALL_PROXY is nothing."""
    assert read(ALL_PROXY="http://a", HTTP_PROXY="http://b").for_go == {"HTTPS_PROXY": "http://a"}
    assert read(HTTP_PROXY="http://b").for_go == {}


def test_apprise_gets_the_same_proxies() -> None:
    made = read(ALL_PROXY="a:1", NO_PROXY="x.com,*.y.com, .z.com,10.0.0.0/8")

    assert made.for_requests == {
        "http_proxy": "http://a:1", "https_proxy": "http://a:1",
        "no_proxy": "x.com,.y.com,.z.com,10.0.0.0/8,localhost,127.0.0.0/8,::1",
    }  # fmt: skip
    assert read(NO_PROXY="x.com").for_requests == {}
    assert read(HTTP_PROXY="a", NO_PROXY="x.com, *").for_requests == {}
