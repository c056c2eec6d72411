"""What a user of MySQL or MariaDB lacks for a whole dump, by what SHOW GRANTS says."""

import pytest

from runner.databases.server import privileges

_ALL = "SELECT, SHOW VIEW, TRIGGER, EVENT"
_USAGE = "GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*B690 ON *.* TO'"


@pytest.mark.parametrize(
    ("grants", "missing"),
    [
        ([], [f"{_ALL} on *.*"]),
        ([_USAGE], [f"{_ALL} on *.*"]),
        (["GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION"], []),
        ([f"GRANT {_ALL} ON *.* TO `a`@`%`"], []),
        (["GRANT SELECT, SHOW VIEW, EVENT ON *.* TO `a`@`%`"], ["TRIGGER on *.*"]),
        (["GRANT SELECT ON *.* TO `a`@`%`", "GRANT SHOW VIEW, TRIGGER, EVENT ON *.* TO `r`"], []),
        (["GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`%`"], [f"{_ALL} on *.*"]),
        (["GRANT ALL PRIVILEGES ON `%`.* TO `a`@`%`"], [f"{_ALL} on *.*"]),
        (["GRANT PROXY ON ''@'%' TO 'root'@'localhost'"], [f"{_ALL} on *.*"]),
        ([f"GRANT {_ALL} ON *.* TO `a`@`%`", "REVOKE SELECT ON `crm`.* FROM `a`@`%`"],
         ["SELECT on crm.* (revoked)"]),
    ],
)  # fmt: skip
def test_privileges_for_all_databases_are_read(grants: list[str], missing: list[str]) -> None:
    assert privileges.lacking(grants) == missing


@pytest.mark.parametrize(
    ("grants", "missing"),
    [
        (["GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`%`"], []),
        (["GRANT ALL PRIVILEGES ON *.* TO `a`@`%`"], []),
        (["GRANT ALL PRIVILEGES ON `sh%`.* TO `a`@`%`"], []),
        (["GRANT ALL PRIVILEGES ON `s_op`.* TO `a`@`%`"], []),
        ([r"GRANT ALL PRIVILEGES ON `s\_op`.* TO `a`@`%`"], ["shop"]),
        (["GRANT ALL PRIVILEGES ON `shop2`.* TO `a`@`%`"], ["shop"]),
        (["GRANT ALL PRIVILEGES ON `shop`.`t` TO `a`@`%`"], ["shop"]),
        (["GRANT SELECT (`c`), SHOW VIEW, TRIGGER, EVENT, EXECUTE ON `shop`.* TO `a`@`%`"],
         ["SELECT on"]),
        ([f"GRANT {_ALL} ON `shop`.* TO `a`@`%`"], ["EXECUTE (for routines)"]),
        ([f"GRANT {_ALL} ON `shop`.* TO `a`@`%`", "GRANT SELECT ON `mysql`.`proc` TO `a`@`%`"], []),
        ([f"GRANT {_ALL} ON `shop`.* TO `a`@`%`", "GRANT SELECT ON `mysql`.* TO `a`@`%`"], []),
        ([f"GRANT {_ALL} ON `shop`.* TO `a`@`%`", "GRANT SHOW_ROUTINE ON *.* TO `a`@`%`"], []),
        ([f"GRANT {_ALL} ON *.* TO `a`@`%`", "REVOKE SELECT ON `crm`.* FROM `a`@`%`"], []),
    ],
)  # fmt: skip
def test_privileges_for_one_database_are_read(grants: list[str], missing: list[str]) -> None:
    found = privileges.lacking(grants, "shop")

    assert [bool(found)] == [bool(missing)], found
    for each in missing:
        assert each in found[0]
