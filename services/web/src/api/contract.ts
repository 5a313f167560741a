// The contract's types, in the JSON form in which they travel; generated from proto/ by `npm run proto`.
import type { MessageJsonType, DescMessage } from "@bufbuild/protobuf";
import type { AuthService } from "./contract/auth_pb";
import type { HumanTaskService } from "./contract/human_task_pb";
import type { IntegrationService } from "./contract/integration_pb";
import type { WorkflowService } from "./contract/workflow_service_pb";

export type {
  ActivationJson as Activation,
  ActiveTriggerJson as ActiveTrigger,
} from "./contract/activation_pb";
export type {
  ApiKeyJson as ApiKey,
  AuditEventJson as AuditEvent,
  MemberJson as Member,
  RoleJson as Role,
  WhoAmIResponseJson as WhoAmI,
  WorkspaceJson as Workspace,
} from "./contract/auth_pb";
export type {
  ExecutionErrorJson as ExecutionError,
  ExecutionEventJson as ExecutionEvent,
  ExecutionJson as Execution,
  ExecutionModeJson as ExecutionMode,
  ExecutionStatusJson as ExecutionStatus,
  NodeRunJson as NodeRun,
  NodeRunStatusJson as NodeRunStatus,
  PortItemsJson as PortItems,
  WatchExecutionResponseJson as WatchExecutionResponse,
} from "./contract/execution_pb";
export type {
  HumanTaskJson as HumanTask,
  HumanTaskStatusJson as HumanTaskStatus,
  TaskEventJson as TaskEvent,
  TaskFieldJson as TaskField,
} from "./contract/human_task_pb";
export type { CredentialTypeJson as CredentialType, IntegrationJson as Integration } from "./contract/integration_pb";
export type {
  ConnectionJson as Connection,
  NodeJson as Node,
  NodeTypeJson as NodeType,
  ProblemJson as Problem,
  WorkflowJson as Workflow,
} from "./contract/workflow_pb";
export type { WorkflowSummaryJson as WorkflowSummary, WorkflowVersionJson as WorkflowVersion } from "./contract/workflow_service_pb";

interface Services {
  WorkflowService: (typeof WorkflowService)["method"];
  HumanTaskService: (typeof HumanTaskService)["method"];
  AuthService: (typeof AuthService)["method"];
  IntegrationService: (typeof IntegrationService)["method"];
}

/** The services' names. */
export type Service = keyof Services;
/** The names of a service's methods, as protobuf writes them. */
export type Method<S extends Service> = Capitalize<keyof Services[S] & string>;

type Described<S extends Service, M extends Method<S>> = Services[S][Uncapitalize<M> & keyof Services[S]];
type JsonOf<D> = D extends DescMessage ? MessageJsonType<D> : never;
/** What a method takes. */
export type Request<S extends Service, M extends Method<S>> =
  Described<S, M> extends { input: infer I } ? JsonOf<I> : never;
/** What a method answers. */
export type Response<S extends Service, M extends Method<S>> =
  Described<S, M> extends { output: infer O } ? JsonOf<O> : never;
