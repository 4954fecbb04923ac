"""The product's main job on real input: files, worker processes, and every entry followed live."""
