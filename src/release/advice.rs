//! What to do about what AWS says went wrong.

/// Advice for a reason code of `State` or `LastUpdateStatus` (AWS Lambda API, `FunctionConfiguration`:
/// `StateReasonCode`).
#[must_use]
pub fn of_reason(code: &str) -> &'static str {
    match code {
        "EniLimitExceeded" => {
            "the VPC has no network interfaces left: ask for a higher quota, or use fewer combinations of subnets and security groups"
        }
        "InsufficientRolePermissions" => {
            "give the execution role what it lacks; in a VPC that is AWSLambdaVPCAccessExecutionRole"
        }
        "InvalidConfiguration" => "the settings do not go together: see the reason above",
        "InternalError" => "an error of AWS's own: deploy again",
        "SubnetOutOfIPAddresses" => "name subnets with free addresses in `vpc.subnets`",
        "InvalidSubnet" => "a subnet of `vpc.subnets` is not there, or not usable",
        "InvalidSecurityGroup" => {
            "a group of `vpc.security-groups` is not there, or of another VPC"
        }
        "ImageDeleted" => "the image that the function ran was deleted: deploy code again",
        "ImageAccessDenied" => "Lambda may not read the image: see the repository's policy",
        "InvalidImage" => "Lambda cannot read the image: see the reason above",
        "DisabledKMSKey" | "KMSKeyDisabled" => "the key of `kms-key` is disabled: enable it",
        "InvalidStateKMSKey" | "KMSInvalidStateException" => {
            "the key of `kms-key` is being deleted, or not usable: name another"
        }
        "KMSKeyAccessDenied" | "KMSAccessDenied" => {
            "the execution role may not use the key of `kms-key`: see the key's policy"
        }
        "KMSKeyNotFound" => "the key of `kms-key` is not there",
        "EFSIOError" | "EFSMountConnectivityError" | "EFSMountFailure" | "EFSMountTimeout" => {
            "the file system cannot be mounted: see `file-system`, the mount targets and the security groups"
        }
        "InvalidRuntime" => "name another `runtime`",
        "InvalidZipFileException" => "AWS could not unpack the zip: package again, and see `check`",
        "FunctionError.InitTimeout" => "the program did not ask for its first event in time",
        "FunctionError.RuntimeInitError" => {
            "the program ended before it asked for its first event: see its log"
        }
        "FunctionError.ExtensionInitError" => "an extension ended while it started: see the log",
        "FunctionError.InvalidEntryPoint" => "there is no `bootstrap` that could be run",
        "FunctionError.InvalidWorkingDirectory" => {
            "the working directory of the image is not there"
        }
        "FunctionError.PermissionDenied" => "`bootstrap` may not be executed",
        "FunctionError.TooManyExtensions" => "more than ten extensions: take layers off",
        "FunctionError.InitResourceExhausted" => "starting took all memory: raise `memory`",
        "FunctionError" => "the program did not start: see its log",
        "VcpuLimitExceeded" | "ServiceQuotaExceededException" => {
            "a quota of the account is used up: ask for a higher one"
        }
        "CapacityProviderScalingLimitExceeded" | "InsufficientCapacity" => {
            "the capacity provider has no room: try again later, or raise its limit"
        }
        "EC2RequestLimitExceeded" => "EC2 throttles: deploy again in a while",
        "DisallowedByVpcEncryptionControl" => {
            "the VPC demands encryption that the function does not have"
        }
        "DependencyError" => "a service that Lambda needs failed: deploy again",
        _ => "see the reason above",
    }
}

/// Advice for an error of the API, by its code and what it says.
#[must_use]
pub fn of_error(code: &str, message: &str) -> Option<&'static str> {
    if message.contains("cannot be assumed by Lambda") {
        return Some(
            "the role's trust policy must let lambda.amazonaws.com assume it; a role that was just made takes some seconds until it is known",
        );
    }
    Some(match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            "the credentials have expired: get new ones (`aws sso login`, `aws login`, or whatever made them) and run the same command again; it goes on where this ended"
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch" => {
            // AWS takes requests that are up to five minutes off ("Signature Version 4").
            if message.contains("Signature expired")
                || message.contains("Signature not yet current")
            {
                return Some(
                    "this machine's clock is wrong: set it and run the same command again",
                );
            }
            "AWS does not know these credentials: see `aws sts get-caller-identity`"
        }
        "CodeStorageExceededException" => {
            "the account's code storage is full: delete versions and layers that nothing uses (`aws lambda get-account-settings` shows the limit)"
        }
        "TooManyRequestsException" | "ThrottlingException" => {
            "AWS throttled for longer than this was ready to wait: run it again, or lower `--rate`"
        }
        "CodeVerificationFailedException" => {
            "the code signing configuration enforces signatures: send signed code through S3"
        }
        "NoSuchBucket" => "make the bucket that `s3-bucket` names: it is not this tool's to make",
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => {
            "the bucket of `s3-bucket` is in another Region: Lambda takes code from its own only"
        }
        "RequestEntityTooLargeException" => {
            "over 50 MB go through S3: name a bucket with `s3-bucket`"
        }
        // `CreateRepository`: so many repositories (Amazon ECR User Guide, "Service quotas").
        "LimitExceededException" => {
            "a quota of the account is used up: delete repositories that nothing uses, or ask for a higher one in Service Quotas"
        }
        "KmsException" => {
            "Amazon ECR cannot use the key of `--kms-key`: it must be of this Region, enabled, and yours to use"
        }
        "PublicPolicyException" => {
            "the account blocks public access to Lambda: use `url.auth = \"iam\"`, or lift the block"
        }
        _ => return None,
    })
}
