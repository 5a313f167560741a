import { useEffect, useRef, useState } from "react";
import { useSignIn } from "../api/session";
import { Logo } from "../ui/icons";
import { ErrorNotice } from "../ui/notice";

/** Asks who it is; afterwards the page that was asked for is shown. */
export function SignIn() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useSignIn();
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Sign in · Orchestrator";
    first.current?.focus();
  }, []);
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    signIn.mutate({ email: email.trim(), password });
  };
  return (
    <main className="sign-in">
      <form onSubmit={submit} className="card">
        <Logo />
        <h1>Sign in to Orchestrator</h1>
        <ErrorNotice error={signIn.error} />
        <div className="field">
          <label htmlFor="email">E-mail address</label>
          <input ref={first} id="email" type="email" autoComplete="username" required value={email} onChange={(event) => setEmail(event.target.value)} />
        </div>
        <div className="field">
          <label htmlFor="password">Password</label>
          <input id="password" type="password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.target.value)} />
        </div>
        <button type="submit" className="primary" disabled={signIn.isPending}>
          {signIn.isPending ? "Signing in…" : "Sign in"}
        </button>
        <p>
          {/* The gateway's own page knows whether there is an OpenID provider, and works without this application. */}
          <a href={`/signin?next=${encodeURIComponent(location.pathname + location.search)}`}>Other ways to sign in</a>
        </p>
        <p className="quiet">No account, or no password any more? Ask an owner of your workspace.</p>
      </form>
    </main>
  );
}
