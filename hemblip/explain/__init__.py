"""Which pixels made which statement of a caption, and the tests that say whether to believe it."""
