"""Thinkmix in a browser: pages that are views of a store's files, and acts that the commands do, too."""
