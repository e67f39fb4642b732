"""Texts as kernels read them: buffers, shingles, signatures and languages; nothing of rows."""
