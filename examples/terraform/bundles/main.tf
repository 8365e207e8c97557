# Reads what `cargo lambda-pack package --out DIR` has written: the functions below DIR by their names, each
# with its zip and the hash that AWS will report for it. Needs no provider.

terraform {
  required_version = ">= 1.2"
}

variable "folder" {
  description = "The folder that `package --out` was given"
  type        = string
}

variable "architecture" {
  description = "Which bundles: x86_64 or arm64, as AWS names them"
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "The architecture is x86_64 or arm64."
  }
}

locals {
  index = jsondecode(file("${var.folder}/index.json"))

  # Extensions and layers stand in the index too.
  functions = {
    for bundle in local.index.bundles : bundle.record.function => {
      filename         = "${var.folder}/${bundle.folder}/${bundle.record.zip}"
      source_code_hash = bundle.record.CodeSha256
      runtime          = bundle.record.runtime
      architecture     = bundle.record.architecture
    }
    if try(bundle.record.role, "") == "function" && try(bundle.record.architecture, "") == var.architecture
  }
}

output "functions" {
  description = "Function name => { filename, source_code_hash, runtime, architecture }"
  value       = local.functions

  # The hash is what decides whether anything is uploaded, so it has to be that of the zip.
  precondition {
    condition     = alltrue([for it in local.functions : filebase64sha256(it.filename) == it.source_code_hash])
    error_message = "A zip is not the one that its lambda-pack.json tells of: package again."
  }
}
