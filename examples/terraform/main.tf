# The functions of a workspace, from the bundles of
#
#     cargo lambda-pack package --manifest-path ../orders/Cargo.toml --out dist
#
# A bundle is the same bytes on every machine, so a plan shows a change only where code has changed.

terraform {
  required_version = ">= 1.2"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # provided.al2023 is known from there on.
      version = ">= 5.26"
    }
  }
}

variable "bundles" {
  description = "The folder that `package --out` was given"
  type        = string
  default     = "dist"
}

module "bundles" {
  source = "./bundles"
  folder = var.bundles
}

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  for_each = module.bundles.functions

  name               = "${each.key}-role"
  assume_role_policy = data.aws_iam_policy_document.lambda.json
}

resource "aws_iam_role_policy_attachment" "logs" {
  for_each = aws_iam_role.function

  role       = each.value.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_lambda_function" "function" {
  for_each = module.bundles.functions

  function_name = each.key
  role          = aws_iam_role.function[each.key].arn
  runtime       = each.value.runtime
  # provided.* starts the file `bootstrap`, whatever stands here.
  handler       = "bootstrap"
  architectures = [each.value.architecture]
  memory_size   = 256
  timeout       = 10

  filename         = each.value.filename
  source_code_hash = each.value.source_code_hash
  publish          = true
}

# Callers go through the alias, which moves to each version that is published.
resource "aws_lambda_alias" "live" {
  for_each = aws_lambda_function.function

  name             = "live"
  function_name    = each.value.function_name
  function_version = each.value.version
}

# One function can do without the index: its record stands beside its zip.
#
#     source_code_hash = jsondecode(file("dist/orders-api/x86_64/lambda-pack.json")).CodeSha256

output "aliases" {
  description = "Function name => ARN of its alias"
  value       = { for name, alias in aws_lambda_alias.live : name => alias.arn }
}
