import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect } from "react";
import { credentials, fullName, send, sessionEnded } from "./call";
import type { Method, Service, WhoAmI } from "./contract";
import { ApiError } from "./errors";

/** Who is signed in, and the token that proves that a request comes from this page. */
export interface Session extends WhoAmI {
  csrfToken?: string;
}

const KEY = ["session"];
const WORKSPACE = "workspace";
const PATH = "/api/v1/session";

export const SessionContext = createContext<Session>({});

/** The session; null while nobody is signed in. */
export function useSessionQuery() {
  const client = useQueryClient();
  useEffect(() => {
    const ended = () => client.setQueryData(KEY, null);
    sessionEnded.addEventListener("end", ended);
    return () => sessionEnded.removeEventListener("end", ended);
  }, [client]);
  return useQuery<Session | null, Error>({ queryKey: KEY, queryFn: readSession, staleTime: Infinity, refetchOnWindowFocus: false });
}

/** Who is signed in. */
export function useSession(): Session {
  return useContext(SessionContext);
}

/** Whether the caller may call a method; a server that says nothing of it lets them try. */
export function useMay(): <S extends Service>(service: S, method: Method<S>) => boolean {
  const { methods } = useSession();
  return (service, method) => !methods?.length || methods.includes(fullName(service, method));
}

export function useSignIn() {
  const client = useQueryClient();
  return useMutation<Session, Error, { email: string; password: string }>({
    mutationFn: async (body) => {
      await send("POST", PATH, { body });
      const session = await readSession();
      if (!session) throw new ApiError("unauthenticated", "The browser didn't keep the session's cookie.");
      return session;
    },
    onSuccess: (session) => client.setQueryData(KEY, session),
    networkMode: "always",
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation<void, Error, void>({
    mutationFn: async () => void (await send("DELETE", PATH)),
    onSuccess: () => {
      credentials.csrfToken = "";
      client.setQueryData(KEY, null);
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== KEY[0] });
    },
    networkMode: "always",
  });
}

/** Goes on in another workspace, with nothing kept of the former. */
export function switchWorkspace(id: string): void {
  localStorage.setItem(WORKSPACE, id);
  location.assign("/");
}

async function readSession(): Promise<Session | null> {
  credentials.workspace = localStorage.getItem(WORKSPACE) ?? "";
  try {
    return await remember(await send("GET", PATH));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "unauthenticated") return null;
    if (!credentials.workspace || !["permission_denied", "not_found", "invalid_argument"].includes(error.code)) throw error;
    // The workspace that was chosen last is gone, or was another user's.
    localStorage.removeItem(WORKSPACE);
    credentials.workspace = "";
    return remember(await send("GET", PATH));
  }
}

async function remember(response: Response): Promise<Session> {
  const session = (await response.json()) as Session;
  credentials.csrfToken = session.csrfToken ?? "";
  credentials.workspace = session.workspace?.id ?? credentials.workspace;
  return session;
}
