"""What people open in a browser: reports, training pages, dataset cards, and their charts."""
