"""Charts as numbers: scales, places and paths, which the templates in `pages/charts` draw as SVG."""
