"""For the runner: a request on stdin, a document on stdout, both JSON. Talk goes to stderr."""

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from ptah_import import command

    json.dump(command.run(json.load(sys.stdin)), sys.stdout)
