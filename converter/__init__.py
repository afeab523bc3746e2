"""Trained models in, one graph out: importers, the operator catalogue, rewrites, exporters."""
