//! Every call that is made of AWS, with what keeps it from undoing somebody else's work, and the
//! permission that it needs.
//!
//! Actions as in AWS's "Service Authorization Reference", "Actions, resources, and condition keys for
//! AWS Lambda".

/// What keeps a write from landing on a state that it was not decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// It changes nothing.
    Read,
    /// It carries the newest `RevisionId`.
    Revision,
    /// It carries the newest `RevisionId` and the `CodeSha256` that `$LATEST` must have.
    RevisionAndDigest,
    /// It only creates: 409 means that it is there, and to look again.
    CreateOnly,
    /// It says the whole of what is wanted and does no harm twice; it is made right after a read that
    /// still showed what the plan was made on.
    Idempotent,
    /// It makes another each time, so it is looked for by what it holds right before: whoever was faster,
    /// and a call whose answer was lost, are found then.
    LookedFor,
    /// The same bytes under a name made of them.
    ContentAddressed,
    /// It changes nothing of Lambda's, and does whatever the function does. Only who sends it knows
    /// whether the event bears to be sent twice: those of checks must.
    Event,
}

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Its name in the API.
    pub operation: &'static str,
    /// The permission, if it is not `lambda:` and the operation's name.
    action: Option<&'static str>,
    /// What guards it.
    pub guard: Guard,
}

const fn call(operation: &'static str, guard: Guard) -> Call {
    Call { operation, action: None, guard }
}

const fn by(operation: &'static str, action: &'static str, guard: Guard) -> Call {
    Call { operation, action: Some(action), guard }
}

/// All of them, reads first.
pub static CALLS: &[Call] = &[
    call("GetFunction", Guard::Read),
    call("GetAlias", Guard::Read),
    call("GetFunctionCodeSigningConfig", Guard::Read),
    call("GetFunctionEventInvokeConfig", Guard::Read),
    call("GetFunctionUrlConfig", Guard::Read),
    call("GetPolicy", Guard::Read),
    call("GetProvisionedConcurrencyConfig", Guard::Read),
    call("GetLayerVersion", Guard::Read),
    call("ListEventSourceMappings", Guard::Read),
    call("ListLayerVersions", Guard::Read),
    call("ListVersionsByFunction", Guard::Read),
    by("GetCallerIdentity", "sts:GetCallerIdentity", Guard::Read),
    by("GetRole", "iam:GetRole", Guard::Read),
    by("ListAttachedRolePolicies", "iam:ListAttachedRolePolicies", Guard::Read),
    by("HeadObject", "s3:GetObject", Guard::Read),
    call("PublishLayerVersion", Guard::LookedFor),
    call("CreateFunction", Guard::CreateOnly),
    call("UpdateFunctionConfiguration", Guard::Revision),
    call("UpdateFunctionCode", Guard::Revision),
    call("PublishVersion", Guard::RevisionAndDigest),
    // It has quotas of its own, function by function.
    by("Invoke", "lambda:InvokeFunction", Guard::Event),
    call("CreateAlias", Guard::CreateOnly),
    call("UpdateAlias", Guard::Revision),
    call("PutFunctionCodeSigningConfig", Guard::Idempotent),
    call("DeleteFunctionCodeSigningConfig", Guard::Idempotent),
    call("TagResource", Guard::Idempotent),
    call("UntagResource", Guard::Idempotent),
    call("PutFunctionConcurrency", Guard::Idempotent),
    call("DeleteFunctionConcurrency", Guard::Idempotent),
    call("CreateFunctionUrlConfig", Guard::CreateOnly),
    call("UpdateFunctionUrlConfig", Guard::Idempotent),
    call("DeleteFunctionUrlConfig", Guard::Idempotent),
    call("AddPermission", Guard::CreateOnly),
    call("RemovePermission", Guard::Idempotent),
    call("PutFunctionEventInvokeConfig", Guard::Idempotent),
    call("DeleteFunctionEventInvokeConfig", Guard::Idempotent),
    call("PutProvisionedConcurrencyConfig", Guard::Idempotent),
    call("DeleteProvisionedConcurrencyConfig", Guard::Idempotent),
    call("CreateEventSourceMapping", Guard::CreateOnly),
    call("UpdateEventSourceMapping", Guard::Idempotent),
    by("PutObject", "s3:PutObject", Guard::ContentAddressed),
    by("CreateMultipartUpload", "s3:PutObject", Guard::ContentAddressed),
    by("UploadPart", "s3:PutObject", Guard::ContentAddressed),
    by("CompleteMultipartUpload", "s3:PutObject", Guard::ContentAddressed),
    by("AbortMultipartUpload", "s3:AbortMultipartUpload", Guard::Idempotent),
    by("GetAuthorizationToken", "ecr:GetAuthorizationToken", Guard::Read),
    by("DescribeRepositories", "ecr:DescribeRepositories", Guard::Read),
    by("GetRepositoryPolicy", "ecr:GetRepositoryPolicy", Guard::Read),
    by("GetLifecyclePolicy", "ecr:GetLifecyclePolicy", Guard::Read),
    by("CreateRepository", "ecr:CreateRepository", Guard::CreateOnly),
    by("SetRepositoryPolicy", "ecr:SetRepositoryPolicy", Guard::Idempotent),
    // What a push ends with; its blobs are named by what they hold as well.
    by("PutImage", "ecr:PutImage", Guard::ContentAddressed),
    by("CreateRole", "iam:CreateRole", Guard::CreateOnly),
    by("AttachRolePolicy", "iam:AttachRolePolicy", Guard::Idempotent),
    // Of `status`, `logs` and `delete`.
    call("ListAliases", Guard::Read),
    call("ListFunctionUrlConfigs", Guard::Read),
    call("ListProvisionedConcurrencyConfigs", Guard::Read),
    call("GetEventSourceMapping", Guard::Read),
    by("FilterLogEvents", "logs:FilterLogEvents", Guard::Read),
    call("DeleteFunction", Guard::Idempotent),
    call("DeleteEventSourceMapping", Guard::Idempotent),
    // Of `layer list` and `layer prune`.
    call("ListFunctions", Guard::Read),
    call("ListLayers", Guard::Read),
    call("GetLayerVersionPolicy", Guard::Read),
    call("DeleteLayerVersion", Guard::Idempotent),
    // Of `prune`, which deletes by `DeleteFunction`.
    call("ListFunctionEventInvokeConfigs", Guard::Read),
    call("ListDurableExecutionsByFunction", Guard::Read),
    // Of a shift, which watches what it does.
    by("GetMetricData", "cloudwatch:GetMetricData", Guard::Read),
    by("DescribeAlarms", "cloudwatch:DescribeAlarms", Guard::Read),
];

/// The entry of an operation.
#[must_use]
pub fn find(operation: &str) -> Option<&'static Call> {
    CALLS.iter().find(|call| call.operation == operation)
}

impl Call {
    /// Whether it is Lambda's own.
    #[must_use]
    pub fn is_of_lambda(&self) -> bool {
        self.action.is_none()
    }

    /// Whether it ends in the same, however often it is sent.
    #[must_use]
    pub fn is_safe_twice(&self) -> bool {
        matches!(self.guard, Guard::Read | Guard::ContentAddressed)
    }

    /// The permission that it needs: `lambda:GetFunction`.
    #[must_use]
    pub fn action(&self) -> String {
        match self.action {
            Some(action) => action.to_owned(),
            None => format!("lambda:{}", self.operation),
        }
    }
}
