"""The one place that knows this project's version; the package build reads it from here."""

VERSION = "0.1.0"
