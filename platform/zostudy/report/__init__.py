"""The report of a study: one HTML file that needs no network, and every figure as PNG and SVG."""
