import { QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { UseQueryResult } from "@tanstack/react-query";
import { call, credentials } from "./call";
import type { Method, Request, Response, Service } from "./contract";
import { ApiError } from "./errors";

/** How answers are kept: shown at once, asked for again when looked at. */
export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: (failures, error) => error instanceof ApiError && error.passing && failures < 3,
        staleTime: 1000,
        // Our server may be on this machine, while the machine itself is offline.
        networkMode: "always",
      },
      mutations: { networkMode: "always" },
    },
  });
}

interface Options<T> {
  enabled?: boolean;
  /** Milliseconds until it is asked for again; false for not by itself. */
  every?: number | false | ((data: T | undefined) => number | false);
  /** Keeps showing the former answer while another is under way. */
  keep?: boolean;
}

/** What a method answers, kept up to date. */
export function useCall<S extends Service, M extends Method<S>>(
  service: S,
  method: M,
  request: Request<S, M>,
  options: Options<Response<S, M>> = {},
): UseQueryResult<Response<S, M>, Error> {
  const { every, keep } = options;
  return useQuery<Response<S, M>, Error>({
    queryKey: [credentials.workspace, service, method, request],
    queryFn: ({ signal }) => call(service, method, request, signal),
    enabled: options.enabled ?? true,
    refetchInterval: typeof every === "function" ? (query) => every(query.state.data) : (every ?? false),
    ...(keep ? { placeholderData: (former: Response<S, M> | undefined) => former as never } : {}),
  });
}

/** A method that changes something; whatever is shown is asked for again afterwards. */
export function useDo<S extends Service, M extends Method<S>>(service: S, method: M) {
  const client = useQueryClient();
  return useMutation<Response<S, M>, Error, Request<S, M>>({
    mutationFn: (request) => call(service, method, request),
    onSettled: () => client.invalidateQueries(),
  });
}
