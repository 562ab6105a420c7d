// Validates custom resources, one JSON object per line of standard input, against their own schemas.
// node custom.mjs <folder with node_modules>; prints what is wrong, a line each.
import { createInterface } from "node:readline";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const modules = resolve(process.argv[2], "node_modules");
const MODELS = {
  "gateway.networking.k8s.io": "@kubernetes-models/gateway-api",
  "keda.sh": "@kubernetes-models/keda",
  "monitoring.coreos.com": "@kubernetes-models/prometheus-operator",
};

for await (const line of createInterface({ input: process.stdin })) {
  const item = JSON.parse(line);
  const [group, version] = item.apiVersion.split("/");
  const title = `${item.kind} ${item.metadata.name}`;
  if (!MODELS[group]) {
    console.log(`${title}: no schema for ${item.apiVersion}`);
    continue;
  }
  const file = resolve(modules, MODELS[group], group, version, `${item.kind}.js`);
  const loaded = await import(pathToFileURL(file));
  const Model = loaded[item.kind] ?? loaded.default[item.kind];
  try {
    new Model(item).validate();
  } catch (error) {
    console.log(`${title}: ${error.message}`);
  }
}
