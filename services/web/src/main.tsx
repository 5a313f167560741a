import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { makeQueryClient } from "./api/hooks";
import { App } from "./app/app";
import { ErrorBoundary } from "./ui/boundary";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/layout.css";
import "./styles/parts.css";

const root = document.getElementById("root");
if (!root) throw new Error("the page lacks its root element");

createRoot(root).render(
  <StrictMode>
    <ErrorBoundary what="Orchestrator">
      <QueryClientProvider client={makeQueryClient()}>
        <App />
      </QueryClientProvider>
    </ErrorBoundary>
  </StrictMode>,
);
