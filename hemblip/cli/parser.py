"""jsonargparse's parser, for which null is a value like any other: refused where a setting has to have one."""

from typing import Any

from jsonargparse import ArgumentParser, Namespace


class Parser(ArgumentParser):
    """Parser of a command line, and of the classes that its settings name."""

    def validate(self, namespace: Namespace, *_: Any, **settings: Any) -> None:
        """Check values, None among them, which is otherwise taken for a setting that was left out."""
        try:
            super().validate(namespace, False, **settings)
        except TypeError:
            super().validate(namespace, True, **settings)  # a setting that has to be given is None until it is
            raise
