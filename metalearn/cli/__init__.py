"""The command line: ``metalearn`` and its commands. Heavy packages load inside the commands that need them."""

import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 on success, 2 on a usage error, 130 on Ctrl-C, 1 otherwise.

    An error is one plain sentence on stderr; ``--debug``, anywhere on the line, shows the traceback instead.
    """
    from metalearn.errors import MetalearnError

    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # where a user's own methods are; last, so that no file there hides a package
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        from metalearn.cli.app import app  # here, since Ctrl-C may come while it loads

        app([a for a in given if a != "--debug"], prog_name="metalearn")
    except MetalearnError as error:
        if debug:
            raise
        sys.exit(f"metalearn: {error}")
    except KeyboardInterrupt:
        sys.stderr.write("metalearn: interrupted.\n")
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone, as in `metalearn ... | head`
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        sys.exit(f"metalearn: {type(error).__name__}: {error}; this is a bug, run again with --debug and report it.")
