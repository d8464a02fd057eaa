"""Production pulls of a break-junction study: their traces, predicted or labelled, and what is said of them series by series."""
