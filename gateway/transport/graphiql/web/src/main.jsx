import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createClient } from "graphql-ws";
import { createRoot } from "react-dom/client";

import "@graphiql/react/font/roboto.css";
import "@graphiql/react/font/fira-code.css";
import "@graphiql/react/style.css";
import "@graphiql/plugin-history/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "graphiql/graphiql.css";
import "@graphiql/plugin-explorer/style.css";
import "./page.css";

// build.mjs puts the workers' hashed file names here.
const workers = WORKERS;

globalThis.MonacoEnvironment = {
  getWorker: (_, label) => new Worker(new URL(workers[label] ?? workers.editor, import.meta.url)),
};

const config = JSON.parse(document.getElementById("config").textContent);

const url = new URL(config.endpoint, document.baseURI).href;
const fetcher = createGraphiQLFetcher({ url, wsClient: createClient({ url: url.replace(/^http/, "ws") }) });

const explorer = explorerPlugin({ showAttribution: false });

// GraphiQL gives each default tab its variables except the first, and keeps what the user made of them.
const firstVisit = localStorage.getItem("graphiql:tabState") === null;

createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    fetcher={fetcher}
    defaultTabs={config.tabs.length > 0 ? config.tabs : undefined}
    initialVariables={firstVisit ? config.tabs[0]?.variables : undefined}
    plugins={[HISTORY_PLUGIN, explorer]}
    visiblePlugin={explorer}
    defaultEditorToolsVisibility={config.tabs.some((tab) => tab.variables) ? "variables" : false}
  >
    <GraphiQL.Logo>{config.title}</GraphiQL.Logo>
  </GraphiQL>,
);
