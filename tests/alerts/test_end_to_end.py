"""Real sidecars to real people: Pushgateway, Prometheus, Alertmanager, ntfy.

Alerts have no patience here: test_rules.py is about that. The tests are one story, in their order.
"""

from concurrent.futures import ThreadPoolExecutor

from tests.alerts.situations import Planted
from tests.alerts.world import World
from tests.cluster.work import until

LAST = {"BackupReportsFailing mute", "BackupWebhookFailingOpen"}
"""Which look back on more than the tests can wait for."""


def test_each_situation_has_its_alert_and_no_other(watching: World, planted: Planted) -> None:
    watching.await_alerts(planted.alerts)

    titles = {f"firing: {alert.split()[0]}" for alert in planted.alerts}
    until(lambda: _titles(watching) >= titles, "ntfy has them all", 30)
    assert _titles(watching) == titles
    (overdue,) = [m for m in watching.told() if m["title"] == "firing: BackupOverdue"]
    assert overdue["message"].startswith("No backup of prod/stuck when one was due")
    assert "exec % -c backup -- backup-runner status" in overdue["message"]
    assert not [m["message"] for m in watching.told() if "<no value>" in m["message"]]


def _titles(watching: World) -> set[str]:
    return {message["title"] for message in watching.told()}


def test_each_alert_ends_when_its_cause_does(watching: World, planted: Planted) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda mend: mend(), planted.mends))

    watching.await_alerts(LAST)
    ended = {f"resolved: {alert.split()[0]}" for alert in planted.alerts - LAST}
    until(lambda: _titles(watching) >= ended, "ntfy has heard", 30)


def test_what_is_gone_alerts_where_the_webhook_does_not_see_pods_until_it_is_deleted(
    watching: World, planted: Planted
) -> None:
    """The way of the documentation."""
    assert "gone" in planted.sidecars
    watching.cluster.follows(well=False)
    watching.await_alerts({*LAST, "BackupOverdue gone"})

    watching.forget("gone")

    watching.await_alerts(LAST)
    watching.cluster.follows(well=True)


def test_emptied_pushgateway_is_noticed_and_filled_by_the_next_looks(
    watching: World, planted: Planted
) -> None:
    there = {name for _, name in watching.cluster.seen.sidecars()}
    reported = there & planted.sidecars.keys()
    watching.empty()
    watching.await_alerts(LAST | {f"BackupNeverReported {name}" for name in there})

    for name in reported:
        assert planted.sidecars[name].run("backup-runner", "tick").returncode == 0

    watching.await_alerts(LAST | {f"BackupNeverReported {name}" for name in there - reported})
