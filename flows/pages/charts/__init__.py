"""Charts: scales, places and paths, which the templates in `pages/charts` draw as SVG."""
