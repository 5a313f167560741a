#!/bin/sh
# Makes the namespace and the search attributes that runs are found by; can be repeated.
set -eu
namespace=${TEMPORAL_NAMESPACE:-default}

temporal operator namespace describe --namespace "$namespace" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$namespace" --retention "${TEMPORAL_RETENTION:-7d}"

# A new namespace is known to all of Temporal's services after some seconds.
tries=0
until temporal operator search-attribute list --namespace "$namespace" >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 30 ] || { echo "the namespace $namespace doesn't answer" >&2; exit 1; }
  sleep 2
done

known=$(temporal operator search-attribute list --namespace "$namespace")
for name in Workflow WorkflowId Version Trigger Mode Status; do
  case "$known" in
    *"Orchestrator$name "*) ;;
    *) temporal operator search-attribute create --namespace "$namespace" --name "Orchestrator$name" --type Keyword ;;
  esac
done
