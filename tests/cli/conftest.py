"""Running commands in the process of the test."""

import pytest

from metalearn.cli import main


@pytest.fixture
def run(capsys):
    """Run a command in this process; return its exit status, what it printed, and its errors."""

    def call(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main([str(a) for a in arguments])
        printed = capsys.readouterr()
        code = stopped.value.code
        if isinstance(code, str):  # what sys.exit prints when the interpreter ends
            return 1, printed.out, printed.err + code
        return code or 0, printed.out, printed.err

    return call
