"""The web page: cells in, captions out, each statement with how sure it is; and the same as a file."""
