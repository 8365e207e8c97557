//! Replays the corpus of the fuzz targets.
