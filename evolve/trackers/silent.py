"""Tell nobody."""

from evolve.trackers import GenerationReport, SearchEnd, SearchStart


class Listener:
    """Hears everything and keeps nothing."""

    def start(self, search: SearchStart) -> None:
        """Do nothing."""

    def progress(self, evaluations: int) -> None:
        """Do nothing."""

    def generation(self, report: GenerationReport) -> None:
        """Do nothing."""

    def end(self, search: SearchEnd) -> None:
        """Do nothing."""
