"""Real sidecars to real people: Pushgateway, Prometheus, Alertmanager, ntfy.

Alerts have no patience here: test_rules.py is about that. The first test looks at what was planted,
the others at what is left when it was mended.
"""

from tests.alerts import rules
from tests.alerts.situations import Planted
from tests.alerts.world import World

LAST = {"BackupReportsFailing mute", "BackupWebhookFailingOpen"}
"""Which look back on more than the tests can wait for."""


def test_each_situation_has_its_alert_and_no_other(watching: World, planted: Planted) -> None:

    titles = {f"firing: {alert.split()[0]}" for alert in planted.alerts}
    watching.await_told(titles)
    assert {m["title"] for m in watching.told() if m["title"].startswith("firing")} == titles
    texts = [m["message"] for m in watching.told() if m["title"] == "firing: BackupOverdue"]
    stuck = [text for text in texts if text.startswith("No backup of prod/stuck when one was due")]
    assert stuck
    assert "exec % -c backup -- backup-runner status" in stuck[0]
    assert not [m["message"] for m in watching.told() if "<no value>" in m["message"]]


def test_each_alert_ends_when_its_cause_does(watching: World, mended: Planted) -> None:
    watching.await_alerts(LAST)

    watching.await_told({f"resolved: {alert.split()[0]}" for alert in mended.alerts - LAST})


def test_deleted_workloads_alert_without_the_webhook_until_their_group_is_deleted(
    watching: World, mended: Planted
) -> None:
    """The way of the documentation."""
    assert "gone" in mended.sidecars
    watching.await_alerts(LAST)
    watching.cluster.follows(well=False)
    watching.await_alerts({*LAST, "BackupOverdue gone"})

    watching.forget("gone")

    watching.await_alerts(LAST)
    watching.cluster.follows(well=True)


def test_emptied_pushgateway_is_detected_and_filled_by_the_next_ticks(
    watching: World, mended: Planted
) -> None:
    watching.await_alerts(LAST)
    there = {name for _, name in watching.cluster.seen.sidecars()}
    reported = there & mended.sidecars.keys()
    watching.empty()
    watching.await_alerts(LAST | {f"BackupNeverReported {name}" for name in there})

    for name in reported:
        assert mended.sidecars[name].run("backup-runner", "tick").returncode == 0

    watching.await_alerts(LAST | {f"BackupNeverReported {name}" for name in there - reported})


def test_each_alert_that_we_ship_was_planted(planted: Planted) -> None:
    assert {alert.split()[0] for alert in planted.alerts} == rules.alerts().keys()
