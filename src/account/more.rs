//! The operations beside functions, versions and aliases: layers, URLs, policies, tags, concurrency,
//! event invoke configurations, event source mappings, code signing and the settings of the account.

use super::{Account, ApiError, Input, Moment, Object};
use super::{concurrency, event_invoke, layer, mapping, policy, provisioned};
use super::{recursion, runtime_management, settings, signing, tags, url};

/// The answer of one of these operations; none if it is not one of them.
pub(super) fn call(
    account: &mut Account,
    operation: &str,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Option<Result<Object, ApiError>> {
    let answer = match operation {
        "PublishLayerVersion" => layer::publish(account, input, moment),
        "GetLayerVersion" => layer::get(account, input),
        "GetLayerVersionByArn" => layer::get_by_arn(account, input),
        "ListLayerVersions" => layer::list_versions(account, input),
        "ListLayers" => Ok(layer::list(account, input)),
        "DeleteLayerVersion" => layer::delete(account, input),
        "AddLayerVersionPermission" => layer::add_permission(account, input, moment),
        "RemoveLayerVersionPermission" => layer::remove_permission(account, input, moment),
        "GetLayerVersionPolicy" => layer::get_policy(account, input),
        "CreateFunctionUrlConfig" => url::create(account, input, moment),
        "GetFunctionUrlConfig" => url::get(account, input),
        "UpdateFunctionUrlConfig" => url::update(account, input, moment),
        "DeleteFunctionUrlConfig" => url::delete(account, input),
        "ListFunctionUrlConfigs" => url::list(account, input),
        "AddPermission" => policy::add(account, input, moment),
        "RemovePermission" => policy::remove(account, input, moment),
        "GetPolicy" => policy::get(account, input),
        "TagResource" => tags::tag(account, input, moment),
        "UntagResource" => tags::untag(account, input, moment),
        "ListTags" => tags::list(account, input),
        "PutFunctionConcurrency" => concurrency::put(account, input),
        "GetFunctionConcurrency" => concurrency::get(account, input),
        "DeleteFunctionConcurrency" => concurrency::delete(account, input),
        "PutProvisionedConcurrencyConfig" => provisioned::put(account, input, moment),
        "GetProvisionedConcurrencyConfig" => provisioned::get(account, input, moment),
        "DeleteProvisionedConcurrencyConfig" => provisioned::delete(account, input),
        "ListProvisionedConcurrencyConfigs" => provisioned::list(account, input, moment),
        "PutFunctionEventInvokeConfig" => event_invoke::put(account, input, moment),
        "UpdateFunctionEventInvokeConfig" => event_invoke::update(account, input, moment),
        "GetFunctionEventInvokeConfig" => event_invoke::get(account, input),
        "DeleteFunctionEventInvokeConfig" => event_invoke::delete(account, input),
        "ListFunctionEventInvokeConfigs" => event_invoke::list(account, input),
        "CreateEventSourceMapping" => mapping::create(account, input, moment),
        "GetEventSourceMapping" => mapping::get(account, input),
        "UpdateEventSourceMapping" => mapping::update(account, input, moment),
        "DeleteEventSourceMapping" => mapping::delete(account, input, moment),
        "ListEventSourceMappings" => mapping::list(account, input),
        "CreateCodeSigningConfig" => signing::create(account, input, moment),
        "GetCodeSigningConfig" => signing::get(account, input),
        "UpdateCodeSigningConfig" => signing::update(account, input, moment),
        "DeleteCodeSigningConfig" => signing::delete(account, input),
        "ListCodeSigningConfigs" => Ok(signing::list(account, input)),
        "ListFunctionsByCodeSigningConfig" => signing::functions(account, input),
        "PutFunctionCodeSigningConfig" => signing::attach(account, input),
        "GetFunctionCodeSigningConfig" => signing::attached(account, input),
        "DeleteFunctionCodeSigningConfig" => signing::detach(account, input),
        "PutFunctionRecursionConfig" => recursion::put(account, input),
        "GetFunctionRecursionConfig" => recursion::get(account, input),
        "PutRuntimeManagementConfig" => runtime_management::put(account, input),
        "GetRuntimeManagementConfig" => runtime_management::get(account, input),
        "GetAccountSettings" => Ok(settings::get(account)),
        _ => return None,
    };
    Some(answer)
}

/// Lets happen what is due at `now`, and schedules what is due later.
pub(super) fn settle(account: &mut Account, now: i64) {
    mapping::settle(account, now);
}
