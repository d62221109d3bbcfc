"""What the sources share, which stands in ``core.rows`` because the store needs it too."""

from metalearn.core.rows import *  # noqa: F403
