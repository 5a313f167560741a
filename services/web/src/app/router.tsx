import { lazy, Suspense } from "react";
import { Route, Switch } from "wouter";
import { ErrorBoundary } from "../ui/boundary";
import { Loading } from "../ui/notice";
import { NotFound } from "./not_found";

const ExecutionList = lazy(() => import("../pages/executions/list"));
const ExecutionPage = lazy(() => import("../pages/executions/execution"));
const WorkflowList = lazy(() => import("../pages/workflows/list"));
const WorkflowPage = lazy(() => import("../pages/workflows/workflow"));
const Inbox = lazy(() => import("../pages/inbox/inbox"));
const Credentials = lazy(() => import("../pages/credentials/credentials"));
const Settings = lazy(() => import("../pages/settings/settings"));

/** Which page stands at which address. */
export function Pages() {
  return (
    <ErrorBoundary what="This page">
      <Suspense fallback={<Loading what="the page" />}>
        <Switch>
          <Route path="/">
            <ExecutionList />
          </Route>
          <Route path="/executions">
            <ExecutionList />
          </Route>
          <Route path="/executions/:id">{({ id }) => <ExecutionPage key={id} id={decoded(id)} />}</Route>
          <Route path="/workflows">
            <WorkflowList />
          </Route>
          <Route path="/workflows/:id">{({ id }) => <WorkflowPage key={id} id={decoded(id)} />}</Route>
          <Route path="/inbox/:id?">{({ id }) => <Inbox taskId={decoded(id ?? "")} />}</Route>
          <Route path="/credentials">
            <Credentials />
          </Route>
          <Route path="/settings/:tab?">{({ tab }) => <Settings tab={tab ?? ""} />}</Route>
          <Route>
            <NotFound />
          </Route>
        </Switch>
      </Suspense>
    </ErrorBoundary>
  );
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
