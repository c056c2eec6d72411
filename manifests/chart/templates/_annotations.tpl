{{- /* Made by `python -m tools.chart_values` from contract/settings.py. */ -}}
{{- define "backup.annotations" -}}
["backup.enabled", "backup.schedule", "backup.timezone", "backup.volumes", "backup.exclude", "backup.secret", "backup.name", "backup.keep-last", "backup.keep-hourly", "backup.keep-daily", "backup.keep-weekly", "backup.keep-monthly", "backup.keep-yearly", "backup.keep-within", "backup.keep-archives", "backup.engine", "backup.forget", "backup.prune", "backup.check", "backup.verify", "backup.run-now", "backup.paused", "backup.on-exit", "backup.sqlite", "backup.pre", "backup.post", "backup.dump", "backup.restore", "backup.restore-as-of", "backup.restore-from", "backup.run-as", "backup.cpu-request", "backup.cpu-limit", "backup.memory-request", "backup.memory-limit"]
{{- end -}}
