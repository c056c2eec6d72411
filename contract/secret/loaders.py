"""Variables that control a loader, shell, interpreter or library. Pure.

None of them reaches a program from the Secret, even if BACKUP_ENV_PASS names it: it could decide
which code runs, or where keys are written.
"""

import re

_NEVER = {
    "the dynamic loader reads it": (
        "LD_.*", "DYLD_.*", "GLIBC_TUNABLES",
    ),
    "the C library reads it": (
        "MALLOC_.*", "GCONV_PATH", "GETCONF_DIR", "HOSTALIASES", "LIBC_.*", "LOCALDOMAIN",
        "LOCPATH", "MEMUSAGE.*", "NIS_PATH", "NLSPATH", "PCPROFILE_OUTPUT", "RESOLV_.*",
        "RES_OPTIONS", "SEGFAULT_.*", "TEXTDOMAIN(DIR)?", "TZDIR", "TERMCAP", "TERMINFO(_DIRS)?",
        "[A-Z]+SAN_OPTIONS",
    ),
    "a shell reads it": (
        "BASH_.*", "BASHOPTS", "SHELLOPTS", "ENV", "IFS", "CDPATH", "FIGNORE", "GLOBIGNORE",
        "FPATH", "ZDOTDIR", "PS[0-4]", "PROMPT_COMMAND", "POSIXLY_CORRECT", "INPUTRC", "SHELL",
        "_",
    ),
    "an interpreter reads it": (
        "PYTHON.*", "__PYVENV_LAUNCHER__", "PERL.*", "RUBY(OPT|LIB|PATH|SHELL)", "GEM_(HOME|PATH)",
        "NODE_(OPTIONS|PATH|V8_COVERAGE)", "LUA_(INIT|PATH|CPATH).*", "PHPRC", "PHP_INI_SCAN_DIR",
        "TCLLIBPATH", "AWKPATH", "AWKLIBPATH", "CLASSPATH", "_?JAVA_(TOOL_)?OPTIONS",
        "JDK_JAVA_OPTIONS",
    ),
    "the Go runtime reads it": (
        "GO(DEBUG|TRACEBACK|RACE|ROOT|COVERDIR)", "ZONEINFO",
    ),
    "a library for TLS, Kerberos or SASL reads it": (
        "OPENSSL_.*", "SSLKEYLOGFILE", "GNUTLS_.*", "NSS_.*", "P11_KIT_.*", "PKCS11_.*",
        "KRB5_(CONFIG|TRACE|KDC_PROFILE)", "GSS_MECH_CONFIG", "SASL_(PATH|CONF_PATH)",
    ),
    "a client reads programs or plugins from it": (
        "SSH_(ASKPASS(_REQUIRE)?|SK_.*|PKCS11_.*)", "LIBMYSQL_.*", "MYSQL_HOME",
        "MYSQL_PLUGIN_DIR", "MARIADB_PLUGIN_DIR", "PGSYSCONFDIR", "PGLOCALEDIR", "PSQLRC",
        "PSQL_.*", "PAGER", "EDITOR", "VISUAL", "LESSOPEN", "LESSCLOSE",
    ),
    "the runner sets it": (
        "PATH", "HOME", "TMPDIR", "TMP", "TEMP", "PWD", "OLDPWD", "SHLVL", "RESTIC_PROGRESS_FPS",
    ),
}  # fmt: skip
_PATTERNS = tuple((why, re.compile("|".join(names))) for why, names in _NEVER.items())


def reason(name: str) -> str:
    """Return why a variable is never passed to a program; "" where nothing speaks against it."""
    return next((why for why, pattern in _PATTERNS if pattern.fullmatch(name)), "")
