"""A real Kubernetes node on this machine, without Docker, for the tests that need one.

`python -m tests.cluster up` starts it and prints how to reach it; `down` leaves nothing behind.
Every process, mount, bridge and rule of it lives in namespaces of its own (sandbox.py), so one
kill of their first process ends the whole cluster, after a crash as well.
"""
