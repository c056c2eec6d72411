"""Manifests as people write them, each of which gets a sidecar."""

POD = """\
    metadata:
      annotations:
        backup.enabled: "true"
    spec:
      containers:
      - name: web
        image: nginx
        volumeMounts: [{name: data, mountPath: /d}]
      volumes:
      - name: data
        persistentVolumeClaim: {claimName: d}
"""
HEAD = "kind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n"

# Texts in which every line stays, and nothing but lines is added.
ADDED_ONLY = {
    "plain": HEAD + POD,
    "no end of the last line": (HEAD + POD).rstrip("\n"),
    "comments everywhere": """\
# of the file

---  # of the document
# above the kind
kind: Deployment   # beside it
metadata: {name: web} # aligned
spec:
  # above the template
  template:   # beside
    metadata:
      # above annotations
      annotations:  # beside annotations
        # above enabled
        backup.enabled: "true"   # yes
        # backup.schedule: "@daily"
      # behind annotations
    spec:
      containers:
      # the first
      - name: web   # its name
        # and image
        image: nginx
        volumeMounts:
        - {name: data, mountPath: /d} # here
        # behind the mounts
      # behind the containers
      volumes:
        # other indentation
        - name: data

          persistentVolumeClaim:
            claimName: d   # the claim
        # behind the volumes

      # behind everything
# at the end
...
# behind the document
""",
    "items indented by four": """\
kind: Deployment
metadata:
    name:   web
    labels:
        app:    web
spec:
    template:
        metadata:
            labels:
                app:    web
            annotations:
                backup.enabled:   'true'
        spec:
            initContainers:
                -   name: first
                    image:    "busybox"
            containers:
                -   image: 'nginx'
                    name: web
                    volumeMounts:
                        -   mountPath: /d
                            name: data
            volumes:
                -   name: data
                    persistentVolumeClaim:
                        claimName: d
""",
    "a dash on a line of its own": HEAD + """\
    metadata:
      annotations:
        backup.enabled: "true"
    spec:
      containers:
      -
        name: web
        volumeMounts:
        -
          name: data
          mountPath: /d
      volumes:
      -   # the data
        name: data
        persistentVolumeClaim:
          claimName: d
""",
    "blocks of text": HEAD + """\
    metadata:
      annotations:
        backup.enabled: "true"
        literal: |
          one
            two # no comment

          three

        folded: >-
          a long
          line

        keeps: |+
          ends


    spec:
      volumes:
      - name: data
        persistentVolumeClaim:
          claimName: d
      containers:
      - name: web
        volumeMounts: [{name: data, mountPath: /d}]
        args:
        - |2
            indented
        - >
          folded

          again
        - "a
          long \\
          text"
        - 'it''s
          long'
        - plain
          over lines
""",
    "a text at the end that keeps its line breaks": HEAD + POD + """\
      - name: last
        configMap:
          name: |+
            x


""",
    "quotes and odd scalars": HEAD + POD + """\
  odd: ['yes', "no", yes, on, 12:30:45, 0o17, 010, 0x1F, 1_000, 1e3, ~, 2026-01-02, =, .5]
  times: 52:54:05:00:23:48
  empty:
  "quoted key": "\\u00e9\\x41\\t"
  ? long
  : value
  1: number
  true: truth
""",
    "anchors and merges elsewhere": """\
base: &base
  a: 1
  b: [x, y]
other: &other {c: 3}
kind: Deployment
metadata: &meta {name: web, labels: &labels {app: web}}
merged:
  <<: [*base, *other]
  b: *base
spec:
  template:
""" + POD,
    "tabs between": (HEAD + POD).replace("name: web\n", "name:\tweb\t# tab\t\n", 1)
                                .replace("image: nginx", "image: nginx\t"),
    "several documents": f"""\
# nothing in it
---
---
kind: Service   # passes
metadata:   {{name: a}}
---  # the app
{HEAD}{POD}
--- # empty, too

---
{{"kind": "ConfigMap", "data": {{"a":   "b"}}}}
---
{HEAD}{POD}---
""",
    "a list": """\
kind: List
items:   # all
# the first
- kind: Service
  spec: {}
- kind: Pod
  metadata:
    name: web
    annotations:
      backup.enabled: "true"
  spec:
    containers:
    - name: web
      volumeMounts:
      - name: data
        mountPath: /d
    volumes:
    - name: data
      persistentVolumeClaim:
        claimName: d
- kind: ConfigMap   # the last
""",
    "duplicate keys": HEAD + POD + "  replicas: 1\n  replicas: 2\n",
    "nothing under volumes yet": """\
kind: StatefulSet
metadata: {name: web}
spec:
  template:
    metadata:
      annotations:
        backup.enabled: "true"
      labels:
    spec:
      volumes:   # none
      initContainers:
      containers:
      - name: web
        volumeMounts:
        - {name: data, mountPath: /d}
  volumeClaimTemplates:
  - metadata:
      name: data
""",
    "restored before other init containers": HEAD + """\
    metadata:
      annotations:
        backup.enabled: "true"
        backup.restore: if-empty
    spec:
      initContainers:
      # prepares
      # the data
      - name: prepare   # first
        volumeMounts:
        - {name: data, mountPath: /d}
      - name: another
      containers:
      - name: web
        volumeMounts:
        - {name: data, mountPath: /d}
      volumes:
      - name: data
        persistentVolumeClaim:
          claimName: d
""",
}  # fmt: skip
